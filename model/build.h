/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What the two builders of a model share: the documents have been through schema_apply() without a
 * break, so values have their types; what spans elements is checked here and refused at the entry
 * it concerns.
 */

#include <errno.h>

#include "lib/base/array.h"
#include "model/schema.h"
#include "model/service-model.h"

/**
 * struct Build - A model being built
 * @error: sticky: the first negative errno; builders go on and their caller looks at the end
 */
typedef struct Build {
        ServiceModel *model;
        VerdictList *verdicts;
        const SizeCatalogue *sizes;
        int error;
} Build;

/**
 * build_text() - An owned copy, or NULL with the error noted
 * @build: the error is noted here
 * @text:  NULL gives NULL
 *
 * Return: owned
 */
char *build_text(Build *build, const char *text);

/**
 * build_refuse() - Refuse the entry of an element or attribute
 * @build:  its verdicts are changed
 * @entry:  index of the entry
 * @format: the reason, and what to write instead
 */
void build_refuse(Build *build, size_t entry, const char *format, ...) _printf_(3, 4);

/**
 * build_ignore() - Ignore the entry of an element or attribute
 * @build:  its verdicts are changed
 * @entry:  index of the entry
 * @format: the reason
 */
void build_ignore(Build *build, size_t entry, const char *format, ...) _printf_(3, 4);

/**
 * build_explain() - Say of an honoured entry what it comes to in this service
 * @build:  its verdicts are changed; an entry that was refused stays so
 * @entry:  index of the entry
 * @format: the reason
 */
void build_explain(Build *build, size_t entry, const char *format, ...) _printf_(3, 4);

/**
 * build_printf() - An owned formatted text, or NULL with the error noted
 * @build:  the error is noted here
 * @format: as printf
 *
 * Return: owned
 */
char *build_printf(Build *build, const char *format, ...) _printf_(2, 3);

/* APPEND() - Append an owned struct to an array of the model; when memory is short it is freed and
 * the error noted. */
#define APPEND(build, array, count, value, deinit)                                                 \
        do {                                                                                       \
                if (ARRAY_APPEND(array, count, value) < 0) {                                       \
                        deinit(&(value));                                                          \
                        (build)->error = -ENOMEM;                                                  \
                }                                                                                  \
        } while (0)

#define FOREACH_CHILD(child, node, name)                                                           \
        for (const XmlNode *child = xml_child(node, name); child; child = xml_next(child))

/** endpoint_deinit() - Free what it holds */
void endpoint_deinit(Endpoint *endpoint);
/** probe_deinit() - Free what it holds */
void probe_deinit(Probe *probe);
/** variable_deinit() - Free what it holds */
void variable_deinit(Variable *variable);
/** task_deinit() - Free what it holds */
void task_deinit(StartupTask *task);
/** resource_deinit() - Free what it holds */
void resource_deinit(LocalResource *resource);
/** setting_deinit() - Free what it holds */
void setting_deinit(Setting *setting);
/** certificate_deinit() - Free what it holds */
void certificate_deinit(Certificate *certificate);
/** content_deinit() - Free what it holds */
void content_deinit(Content *content);
/** directory_deinit() - Free what it holds */
void directory_deinit(SiteDirectory *directory);
/** binding_deinit() - Free what it holds */
void binding_deinit(SiteBinding *binding);
/** site_deinit() - Free what it holds */
void site_deinit(Site *site);
/** role_deinit() - Free what it holds */
void role_deinit(Role *role);
/** traffic_rule_deinit() - Free what it holds */
void traffic_rule_deinit(TrafficRule *rule);

/**
 * build_definition() - Fill the model from a definition
 * @build: its model is zeroed
 * @root:  ServiceDefinition
 */
void build_definition(Build *build, const XmlNode *root);

/**
 * build_sites() - Fill a web role's sites
 * @build: its verdicts may be changed
 * @role:  its endpoints are there already
 * @node:  WebRole
 */
void build_sites(Build *build, Role *role, const XmlNode *node);

/**
 * build_configuration() - Fill in what a configuration says
 * @build:      its model comes from build_definition()
 * @root:       ServiceConfiguration
 * @definition: ServiceDefinition, for what the configuration leaves out
 */
void build_configuration(Build *build, const XmlNode *root, const XmlNode *definition);
