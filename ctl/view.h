/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Shapes of what `list`, `status` and `hosts` show, made from objects_read(). No I/O: the JSON that
 * --json prints is made here, and the tables are made from that JSON. */

#include "ctl/objects.h"
#include "ctl/table.h"

/**
 * view_services() - What `list` shows
 * @objects:      as objects_read() gives them
 * @ret_services: owned; [{"service","production_vip","staging_vip","production","staging"}], where
 *                the last two are deployment ids or null; ordered by name
 *
 * Return: 0; -ENOMEM.
 */
int view_services(sd_json_variant *objects, sd_json_variant **ret_services);

/**
 * view_status() - What `status` shows
 * @objects:    as objects_read() gives them
 * @services:   names, NULL behind the last; none means all
 * @ret_status: owned; {"state","detail","host","leader","brake","version","deployments":
 *              [{"service","slot","vip","id",...,"roles":[{"name","kind","count","ready"}],
 *              "instances":[{"name","role","number",...}]}],"operations":[...]}: deployments by
 *              service, production before staging, instances by role and number, and of the
 *              operations those that run
 *
 * Return: 0; -ENOMEM.
 */
int view_status(sd_json_variant *objects, char **services, sd_json_variant **ret_status);

/**
 * view_hosts() - What `hosts` shows
 * @objects:   as objects_read() gives them
 * @ret_hosts: owned; [{"name","fault_domain","state",...}], ordered by name
 *
 * Return: 0; -ENOMEM.
 */
int view_hosts(sd_json_variant *objects, sd_json_variant **ret_hosts);

/** view_has_service() - Whether there is a service of this name among the objects */
bool view_has_service(sd_json_variant *objects, const char *service);

/** view_text() - A text member of a JSON object; "" when it is not there or no text */
const char *view_text(sd_json_variant *object, const char *member);

/** view_number() - A whole number member of a JSON object; 0 when it is not there or no number */
uint64_t view_number(sd_json_variant *object, const char *member);

/** view_truth() - A boolean member of a JSON object; false when it is not there or no boolean */
bool view_truth(sd_json_variant *object, const char *member);

/** view_services_table() - Fill a table with what view_services() made */
void view_services_table(sd_json_variant *services, Table *ret_table);

/** view_instances_table() - Fill a table with a deployment's instances of what view_status() made
 */
void view_instances_table(sd_json_variant *deployment, Table *ret_table);

/** view_hosts_table() - Fill a table with what view_hosts() made */
void view_hosts_table(sd_json_variant *hosts, Table *ret_table);

/** view_status_colour() - The colour of an instance status such as ReadyRole */
TableColour view_status_colour(const char *status);
