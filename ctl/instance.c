/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The verbs for one instance: reboot, reimage, rebuild. They differ in the method they call and in
 * nothing else. */

#include "ctl/operation.h"
#include "ctl/target.h"
#include "ctl/verbs.h"
#include "lib/base/str.h"

static int instance_call(const Options *options, const char *text, const char *method,
                         const char *doing)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        _cleanup_free_ char *what = NULL;
        Target target;
        int r = target_read(text, &target);

        if (r == CTL_DONE)
                r = bus_open(options, &bus);
        if (r != CTL_DONE)
                return r;
        what = str_printf("%s %s/%s", doing, target.service, target.instance);
        if (!what)
                return -ENOMEM;
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           method);
        if (r >= 0)
                r = sd_bus_message_append(call, "sss", target.service,
                                          options->slot ? options->slot : "production",
                                          target.instance);
        return r < 0 ? r : operation_run(options, bus, call, what);
}

int verb_reboot(const Options *options, size_t n_arguments, char **arguments)
{
        return instance_call(options, arguments[0], "Reboot", "Rebooting");
}

int verb_reimage(const Options *options, size_t n_arguments, char **arguments)
{
        return instance_call(options, arguments[0], "Reimage", "Reimaging");
}

int verb_rebuild(const Options *options, size_t n_arguments, char **arguments)
{
        return instance_call(options, arguments[0], "Rebuild", "Rebuilding");
}
