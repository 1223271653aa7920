/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A method's list on the terminal. */

#include "ctl/listing.h"

#include <stdio.h>

#include "ctl/bus.h"
#include "ctl/pager.h"

int listing_show(const Options *options, const Listing *listing)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ sd_json_variant *list = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        Pager pager;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, listing->member, &error,
                               &reply, "");
        if (r < 0)
                return bus_failed(r, &error, "%s", listing->doing);
        r = listing->read(reply, &list);
        if (r < 0)
                return r;
        pager_open(&pager, options);
        r = options->json ? sd_json_variant_dump(list, options->json, stdout, NULL)
                          : listing->print(list, options);
        pager_close(&pager);
        return MIN(r, 0);
}
