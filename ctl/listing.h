/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What a method of the manager lists, as a table or as JSON. */

#include <systemd/sd-bus.h>
#include <systemd/sd-json.h>

#include "ctl/options.h"

typedef struct Listing {
        const char *member; /* of org.troupe.Host1.Manager; takes nothing */
        const char *doing;  /* for people: "Listing certificates" */
        /* the reply as JSON, which both forms are made from; a negative errno when it is not what
         * the member answers. @list is owned by the caller also then */
        int (*read)(sd_bus_message *reply, sd_json_variant **list);
        int (*print)(sd_json_variant *list, const Options *options); /* the table */
} Listing;

/**
 * listing_show() - Ask, and show the answer as the options say, in a pager if it is long
 * @options: options
 * @listing: what to ask
 *
 * Return: CTL_DONE or another exit code, said on standard error; a negative errno.
 */
int listing_show(const Options *options, const Listing *listing);
