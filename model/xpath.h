/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * The XPaths that RoleInstanceValue may use: a closed list, not an XPath engine.
 */

#include <stdbool.h>

#include "model/service-model.h"

typedef enum XPathKind {
        XPATH_EMULATED,
        XPATH_DEPLOYMENT_ID,
        XPATH_INSTANCE_ID,
        XPATH_ROLE_NAME,
        XPATH_UPDATE_DOMAIN,
        XPATH_FAULT_DOMAIN,
        XPATH_SETTING_VALUE,
        XPATH_RESOURCE_PATH,
        XPATH_RESOURCE_SIZE,
        XPATH_ENDPOINT_PROTOCOL,
        XPATH_ENDPOINT_ADDRESS,
        XPATH_ENDPOINT_PORT,
        _XPATH_KIND_MAX,
} XPathKind;

/**
 * struct XPath - A parsed path
 * @name: what [@name='...'] says, for the kinds that have it
 */
typedef struct XPath {
        XPathKind kind;
        char name[257];
} XPath;

/**
 * xpath_parse() - Recognise a path
 * @text: as written; blanks around it and either kind of quote are allowed
 * @ret:  what it is
 *
 * Return: 0; MODEL_XPATH_UNKNOWN
 */
int xpath_parse(const char *text, XPath *ret);

/**
 * xpath_in_role() - Whether what a path names is there
 * @xpath: parsed
 * @role:  a role
 *
 * Return: whether the setting, local resource or endpoint that @xpath names is @role's
 */
bool xpath_in_role(const XPath *xpath, const Role *role);
