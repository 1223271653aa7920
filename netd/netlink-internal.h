/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the netlink-*.c files for links share. */

#include "netd/links.h"

struct nl_addr;
struct nl_sock;
struct rtnl_link;
struct rtnl_neigh;

struct Links {
        struct nl_sock *socket;
        char why[LINKS_WHY_MAX];
};

/** links_fail() - Keep what failed; returns the errno of an error of libnl */
int links_fail(Links *links, int error, const char *what, const char *name);

/** links_fail_errno() - As links_fail(), of a negative errno, which it returns */
int links_fail_errno(Links *links, int error, const char *what, const char *name);

/** links_find() - The link of a name, NULL when there is none. Return: 0; -errno */
int links_find(Links *links, const char *name, struct rtnl_link **ret_link);

/** links_set_mac() - Return: 0; an error of libnl */
int links_set_mac(struct rtnl_link *link, const uint8_t mac[static 6]);

/** links_has_mac() - Whether a link has this MAC */
bool links_has_mac(struct rtnl_link *link, const uint8_t mac[static 6]);

/** links_add_neighbour() - Complete a neighbour or FDB entry and put it in place. Return: 0; an
 * error of libnl */
int links_add_neighbour(Links *links, struct rtnl_neigh *neigh, int index,
                        const uint8_t mac[static 6]);

/** links_ipv4() - As libnl has it, owned; NULL when memory is short */
struct nl_addr *links_ipv4(const IpAddress *address);

/** links_know_address() - Put in place who has an address, for good: nobody is asked. Return: 0; an
 * error of libnl */
int links_know_address(Links *links, const IpAddress *address, int index,
                       const uint8_t mac[static 6]);

/** links_change_fdb() - Add or delete an FDB entry. @host: where the MAC is; NULL for none. Return:
 * 0; an error of libnl */
int links_change_fdb(Links *links, const uint8_t mac[static 6], int index, const IpAddress *host,
                     bool master, bool add);

/** links_move_local_rule() - Put routing by mark first. Return: 0; -errno */
int links_move_local_rule(Links *links);
