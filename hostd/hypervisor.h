/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* libvirt, as much of it as hostd needs. hypervisor_new() and _free() are the loop's; all other
 * functions block and are called on a Worker's threads, several at once if so wished. The
 * connection is made when it is first needed and made anew after it broke (libvirtd restarted): the
 * call that met the break fails with -ENOTCONN, the next one connects. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "lib/base/macros.h"

typedef struct Hypervisor Hypervisor;

typedef enum DomainState {
        DOMAIN_ABSENT,  /* libvirt does not know it */
        DOMAIN_RUNNING, /* its CPUs run, or would if the host gave them time */
        DOMAIN_PAUSED,  /* stopped by QEMU (an I/O error, a CPU that cannot go on) or by somebody */
        DOMAIN_ENDING,  /* shutting down or crashed, not yet gone */
} DomainState;

typedef struct DomainEntry {
        char *name;
        DomainState state;
} DomainEntry;

typedef struct DomainList {
        DomainEntry *entries;
        size_t n_entries;
} DomainList;

/* Outcomes that callers handle. */
enum {
        HYPERVISOR_EXISTS = 1, /* there is a domain of that name already */
        HYPERVISOR_NO_DOMAIN,  /* there is none */
        HYPERVISOR_REFUSED,    /* libvirt or QEMU said no; the message says why */
};

/**
 * hypervisor_new() - Make the adapter; does not connect yet
 * @event:    loop that @changed is called on
 * @uri:      libvirt URI, copied
 * @changed:  some domain's state may have changed, or the connection broke: list to find out. Calls
 * are merged; events that are lost with a connection are made up for by the call for its break.
 * @userdata: for @changed
 * @ret:      owned
 *
 * Return: 0; a negative errno.
 */
int hypervisor_new(sd_event *event, const char *uri, void (*changed)(void *userdata),
                   void *userdata, Hypervisor **ret);

/**
 * hypervisor_free() - Close the connection; domains go on running
 * @hypervisor: adapter no thread is in, or NULL
 *
 * Return: NULL.
 */
Hypervisor *hypervisor_free(Hypervisor *hypervisor);
DEFINE_CLEANUP(Hypervisor *, hypervisor_free)

/**
 * hypervisor_list() - All domains with a name that starts so, and their states
 * @hypervisor:  adapter
 * @prefix:      of names
 * @ret_list:    owned, free with domain_list_deinit()
 * @ret_message: on a negative return what libvirt said, owned; may be NULL when memory is short
 *
 * Return: 0; -ENOTCONN when libvirt cannot be reached; -ENOMEM; -EIO for any other refusal.
 */
int hypervisor_list(Hypervisor *hypervisor, const char *prefix, DomainList *ret_list,
                    char **ret_message);

/**
 * hypervisor_create() - Start a transient domain
 * @hypervisor:  adapter
 * @xml:         definition
 * @ret_message: on anything but 0 what libvirt said, owned
 *
 * Return: 0; HYPERVISOR_EXISTS; HYPERVISOR_REFUSED; -ENOTCONN, and then it may have started or may
 * yet start; -ENOMEM.
 */
int hypervisor_create(Hypervisor *hypervisor, const char *xml, char **ret_message);

/**
 * hypervisor_reset() - As if the reset button was pressed
 *
 * Also lets a paused domain run again.
 *
 * Return: 0; HYPERVISOR_NO_DOMAIN; HYPERVISOR_REFUSED; -ENOTCONN; -ENOMEM. @ret_message as
 * hypervisor_create().
 */
int hypervisor_reset(Hypervisor *hypervisor, const char *name, char **ret_message);

/**
 * hypervisor_destroy() - End a domain at once; its QEMU is gone when this returns 0
 *
 * Return: 0; HYPERVISOR_NO_DOMAIN; HYPERVISOR_REFUSED; -ENOTCONN; -ENOMEM. @ret_message as
 * hypervisor_create().
 */
int hypervisor_destroy(Hypervisor *hypervisor, const char *name, char **ret_message);

/** domain_list_deinit() - Free what the list holds; it is empty afterwards */
void domain_list_deinit(DomainList *list);

/** domain_list_state() - State of a domain by name; DOMAIN_ABSENT when it is not in the list */
DomainState domain_list_state(const DomainList *list, const char *name);

/** domain_state_to_string() - Name of a state, for people */
const char *domain_state_to_string(DomainState state);
