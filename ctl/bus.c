/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Connecting, and the table of errors: exit code and next step for each that the contract names. */

#include "ctl/bus.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/str.h"

#define TROUPE_ERROR "org.troupe.Error."
#define DBUS_ERROR   "org.freedesktop.DBus.Error."

/* Every change can be waiting for a leader's write or a person's password. */
#define CALL_TIMEOUT_USEC (120 * USEC_PER_SEC)

static const struct {
        const char *name;
        CtlExit exit_code;
        const char *hint;
} errors[] = {
        {TROUPE_ERROR "NoSuchService", CTL_NOT_FOUND, "'troupectl list' shows the services"},
        {TROUPE_ERROR "NoSuchDeployment", CTL_NOT_FOUND,
         "'troupectl list' shows which slots hold a deployment"},
        {TROUPE_ERROR "NoSuchRole", CTL_NOT_FOUND, "'troupectl status' shows the roles"},
        {TROUPE_ERROR "NoSuchInstance", CTL_NOT_FOUND, "'troupectl status' shows the instances"},
        {TROUPE_ERROR "NoSuchHost", CTL_NOT_FOUND, "'troupectl hosts' shows the hosts"},
        {TROUPE_ERROR "NoSuchOperation", CTL_NOT_FOUND,
         "it ended long ago: 'troupectl events' may still say how"},
        {TROUPE_ERROR "PackageInvalid", CTL_USAGE, "'troupectl pack' makes a good package"},
        {TROUPE_ERROR "ConfigurationInvalid", CTL_USAGE, "'troupectl check' says more"},
        {TROUPE_ERROR "ModelRefused", CTL_FAILED, "'troupectl check' shows all verdicts"},
        {TROUPE_ERROR "CertificateMissing", CTL_FAILED, "'troupectl certificate add' it first"},
        {TROUPE_ERROR "CertificateInvalid", CTL_USAGE,
         "put the key, its certificate and those that vouch for it into one PEM file"},
        {TROUPE_ERROR "GuestOsInvalid", CTL_USAGE, "copy, build or publish it again"},
        {TROUPE_ERROR "SourceUnavailable", CTL_FAILED,
         "see to the address, and try again: nothing of it was left"},
        {TROUPE_ERROR "CertificateInUse", CTL_FAILED,
         "delete or configure that service before, or leave it"},
        {TROUPE_ERROR "NoSuchCertificate", CTL_NOT_FOUND,
         "'troupectl certificate list' shows what there is"},
        {TROUPE_ERROR "SlotOccupied", CTL_FAILED,
         "deploy with --slot=staging and 'troupectl swap', or 'troupectl delete --slot=...' first"},
        {TROUPE_ERROR "OperationConflict", CTL_FAILED,
         "'troupectl monitor' shows when the other one ends"},
        {TROUPE_ERROR "SwapIllegal", CTL_FAILED,
         "deploy to staging what has the same endpoints, or delete production first"},
        {TROUPE_ERROR "NoStaging", CTL_FAILED, "deploy with --slot=staging first"},
        {TROUPE_ERROR "NoVip", CTL_FAILED, "delete a service, or widen the cluster's VIP pools"},
        {TROUPE_ERROR "NoRoom", CTL_FAILED, "'troupectl hosts' shows the room there is"},
        {TROUPE_ERROR "NoGuestOs", CTL_FAILED,
         "import one, or change osFamily and osVersion in the .cscfg"},
        {TROUPE_ERROR "CountInvalid", CTL_USAGE, NULL},
        {TROUPE_ERROR "NotReady", CTL_FAILED, "'troupectl status' shows its status"},
        {TROUPE_ERROR "RefusedNow", CTL_FAILED, NULL},
        {TROUPE_ERROR "NotHere", CTL_FAILED, "use -H with the host that the message names"},
        {TROUPE_ERROR "JoinRefused", CTL_FAILED,
         "make another token on a host of the cluster with 'troupectl cluster token'"},
        {TROUPE_ERROR "NotLeader", CTL_FAILED, "use -H with the host that the message names"},
        {TROUPE_ERROR "Unavailable", CTL_FAILED,
         "what runs goes on; try again when 'troupectl status' says running"},
        {TROUPE_ERROR "StorageFull", CTL_FAILED,
         "make room below /var/lib/troupe there; 'troupectl hosts' shows which host leads"},
        {TROUPE_ERROR "TooMany", CTL_FAILED, "end one of those, and try again"},
        {TROUPE_ERROR "Internal", CTL_FAILED,
         "please report this, with 'journalctl -u troupe-hostd'"},
        {DBUS_ERROR "ServiceUnknown", CTL_UNREACHABLE,
         "hostd is not running: 'systemctl status troupe-hostd'"},
        {DBUS_ERROR "NameHasNoOwner", CTL_UNREACHABLE,
         "hostd is not running: 'systemctl status troupe-hostd'"},
        {DBUS_ERROR "NoReply", CTL_UNREACHABLE,
         "hostd went away or is stuck: 'systemctl status troupe-hostd'"},
        {DBUS_ERROR "Disconnected", CTL_UNREACHABLE, NULL},
        {DBUS_ERROR "AccessDenied", CTL_FAILED, "ask an administrator, or use sudo"},
        {DBUS_ERROR "InteractiveAuthorizationRequired", CTL_FAILED,
         "ask an administrator, or use sudo"},
        {DBUS_ERROR "InvalidArgs", CTL_USAGE, NULL},
};

int bus_exit_code(const char *error_name, const char **ret_hint)
{
        const char *hint = NULL;
        int exit_code = CTL_FAILED;

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
                if (str_equal(errors[i].name, error_name)) {
                        exit_code = errors[i].exit_code;
                        hint = errors[i].hint;
                }
        if (ret_hint)
                *ret_hint = hint;
        return exit_code;
}

/* A ModelRefused message has many lines; a log line has no line breaks. */
static void print_lines(const char *text)
{
        while (*text) {
                size_t length = strcspn(text, "\n");

                log_error("  %.*s", (int) length, text);
                text += length + (text[length] == '\n');
        }
}

int bus_failed(int result, const sd_bus_error *error, const char *format, ...)
{
        bool said = sd_bus_error_is_set(error);
        const char *message = said && error->message ? error->message : strerror(-result);
        const char *hint = NULL;
        char what[256];
        va_list args;
        int exit_code = bus_exit_code(said ? error->name : NULL, &hint);

        va_start(args, format);
        vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        if (strchr(message, '\n')) {
                log_error("%s failed:", what);
                print_lines(message);
        } else {
                log_error("%s failed: %s", what, message);
        }
        if (hint)
                log_error("Next: %s.", hint);
        if (!said && (result == -ECONNRESET || result == -ENOTCONN || result == -ETIMEDOUT))
                exit_code = CTL_UNREACHABLE;
        return exit_code;
}

/* That there is a bus at the other end of ssh is known once it has said what we are called. */
static int open_remote(const char *host, sd_bus **bus)
{
        const char *name;
        int r = sd_bus_open_system_remote(bus, host);

        return r < 0 ? r : sd_bus_get_unique_name(*bus, &name);
}

int bus_open(const Options *options, sd_bus **ret_bus)
{
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = options->host ? open_remote(options->host, &bus) : sd_bus_open_system(&bus);
        if (r < 0 && options->host) {
                log_error_errno(r, "Cannot reach '%s' by ssh", options->host);
                log_error("Next: try 'ssh ssh://%s systemd-stdio-bridge </dev/null'.",
                          options->host);
                return CTL_UNREACHABLE;
        }
        if (r < 0) {
                log_error_errno(r, "Cannot connect to the system bus");
                log_error("Next: run troupectl on a Troupe host, or with -H USER@HOST.");
                return CTL_UNREACHABLE;
        }
        sd_bus_set_allow_interactive_authorization(bus, isatty(STDIN_FILENO));
        sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT_USEC);
        *ret_bus = TAKE_PTR(bus);
        return CTL_DONE;
}

int bus_objects(sd_bus *bus, sd_json_variant **ret_objects)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = objects_read(bus, &error, ret_objects);

        if (r < 0)
                return bus_failed(r, &error, "Reading the state of Troupe");
        return CTL_DONE;
}
