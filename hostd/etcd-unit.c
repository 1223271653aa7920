/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file is what systemd calls an environment file: NAME=VALUE lines. etcd takes its options from
 * the environment. What matters only to a member without data (its initial cluster) stays in it. */

#include "hostd/etcd-unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define UNIT           "troupe-etcd.service"
#define FILE_NAME      "etcd.env"
#define FILE_BYTES_MAX (64 * KIB)
#define DATA_NAME      "TROUPE_ETCD_DATA="
#define ID_NAME        "TROUPE_ETCD_ID="
#define MEMBERS_NAME   "ETCD_INITIAL_CLUSTER="
#define STATE_NAME     "ETCD_INITIAL_CLUSTER_STATE="
#define ALONE_LINE     "ETCD_FORCE_NEW_CLUSTER=true"

void etcd_unit_deinit(EtcdUnit *unit)
{
        free(TAKE_PTR(unit->members));
}

static const char *url_of(const IpAddress *address, unsigned port, EtcdUrl url)
{
        char text[IP_TEXT_MAX];
        bool six = address->family == 6;

        snprintf(url, ETCD_URL_MAX, "https://%s%s%s:%u", six ? "[" : "",
                 address->family ? ip_format(address, text) : "127.0.0.1", six ? "]" : "", port);
        return url;
}

const char *etcd_unit_peer_url(const IpAddress *address, EtcdUrl url)
{
        return url_of(address, ETCD_PEER_PORT, url);
}

const char *etcd_unit_client_url(const IpAddress *address, EtcdUrl url)
{
        return url_of(address, ETCD_CLIENT_PORT, url);
}

static char *path_of(const char *state_dir)
{
        return str_printf("%s/" FILE_NAME, state_dir);
}

/* One line of the file. */
static int take_line(EtcdUnit *unit, const char *line)
{
        const char *value;

        value = str_after(line, DATA_NAME);
        if (value && str_is_name(value, RECORD_NAME_MAX))
                snprintf(unit->data, sizeof(unit->data), "%s", value);
        value = str_after(line, ID_NAME);
        if (value)
                unit->id = strtoull(value, NULL, 16);
        value = str_after(line, STATE_NAME);
        if (value)
                unit->joins = str_equal(value, "existing");
        unit->alone |= str_equal(line, ALONE_LINE);
        value = str_after(line, MEMBERS_NAME);
        return value ? str_set(&unit->members, value) : 0;
}

int etcd_unit_load(const char *state_dir, EtcdUnit *ret_unit)
{
        _cleanup_free_ char *path = path_of(state_dir), *text = NULL;
        _cleanup_(etcd_unit_deinit) EtcdUnit unit = {};
        char *save = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? ETCD_UNIT_NONE : r;
        for (char *line = strtok_r(text, "\n", &save); line && r == 0;
             line = strtok_r(NULL, "\n", &save))
                r = take_line(&unit, line);
        if (r < 0)
                return r;
        if (!unit.data[0] || !unit.members)
                return ETCD_UNIT_NONE;
        *ret_unit = unit;
        unit = (EtcdUnit) {};
        return 0;
}

static int make_text(const EtcdUnit *unit, const Identity *identity, const IpAddress *address,
                     char **ret_text)
{
        EtcdUrl client, peer, loopback;
        StrBuffer text = {};

        etcd_unit_client_url(address, client);
        etcd_unit_peer_url(address, peer);
        etcd_unit_client_url(&(IpAddress) {}, loopback);
        str_buffer_addf(&text, "# written by troupe-hostd\n" DATA_NAME "%s\n", unit->data);
        str_buffer_addf(&text, ID_NAME "%" PRIx64 "\n", unit->id);
        str_buffer_addf(&text, "ETCD_LISTEN_CLIENT_URLS=%s%s%s\n", loopback,
                        str_equal(client, loopback) ? "" : ",",
                        str_equal(client, loopback) ? "" : client);
        str_buffer_addf(&text, "ETCD_ADVERTISE_CLIENT_URLS=%s\n", client);
        str_buffer_addf(&text, "ETCD_LISTEN_PEER_URLS=%s\n", peer);
        str_buffer_addf(&text, "ETCD_INITIAL_ADVERTISE_PEER_URLS=%s\n", peer);
        str_buffer_addf(&text, MEMBERS_NAME "%s\n", unit->members);
        str_buffer_addf(&text, STATE_NAME "%s\n", unit->joins ? "existing" : "new");
        if (unit->alone)
                str_buffer_add(&text, ALONE_LINE "\n");
        str_buffer_addf(&text, "ETCD_INITIAL_CLUSTER_TOKEN=%s\n", unit->data);
        str_buffer_addf(&text, "ETCD_NAME=%s\n", identity->facts.name);
        for (size_t i = 0; i < 2; i++) {
                const char *of = i == 0 ? "" : "PEER_";

                str_buffer_addf(&text, "ETCD_%sTRUSTED_CA_FILE=%s\n", of, identity->ca_path);
                str_buffer_addf(&text, "ETCD_%sCERT_FILE=%s\n", of, identity->certificate_path);
                str_buffer_addf(&text, "ETCD_%sKEY_FILE=%s\n", of, identity->key_path);
                str_buffer_addf(&text, "ETCD_%sCLIENT_CERT_AUTH=true\n", of);
                str_buffer_addf(&text, "ETCD_%s=%s\n", i == 0 ? "CLIENT_CRL_FILE" : "PEER_CRL_FILE",
                                identity->crl_path);
        }
        return str_buffer_take(&text, ret_text);
}

int etcd_unit_save(const char *state_dir, const EtcdUnit *unit, const Identity *identity,
                   const IpAddress *address)
{
        _cleanup_free_ char *path = path_of(state_dir), *text = NULL, *before = NULL;
        int r;

        r = path ? make_text(unit, identity, address, &text) : -ENOMEM;
        if (r == 0)
                r = file_read(AT_FDCWD, path, FILE_BYTES_MAX, &before, NULL);
        if (r < 0 && r != -ENOENT)
                return r;
        if (str_equal(before, text))
                return 0;
        r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644);
        return r < 0 ? r : ETCD_UNIT_CHANGED;
}

int etcd_unit_remove(const char *state_dir)
{
        _cleanup_free_ char *path = path_of(state_dir);

        if (!path)
                return -ENOMEM;
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (error)
                log_error("systemd does not start or stop " UNIT ": %s", error->message);
        return 1;
}

void etcd_unit_ask(sd_bus *bus, const char *verb, sd_bus_message_handler_t answered, void *userdata,
                   sd_bus_slot **ret_slot)
{
        int r;

        if (!bus)
                return;
        r = sd_bus_call_method_async(bus, ret_slot, "org.freedesktop.systemd1",
                                     "/org/freedesktop/systemd1",
                                     "org.freedesktop.systemd1.Manager", verb,
                                     answered ?: on_answer, userdata, "ss", UNIT, "replace");
        if (r < 0)
                log_error_errno(r, "cannot ask systemd about " UNIT);
}
