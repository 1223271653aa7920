/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The configuration of the platform's web server, from a role's sites. Pure: text in, text out. */

#include "lib/api/agent-protocol.h"

/* Where the role's own program is asked, when it has one: $PORT, else $TROUPE_SOCKET. */
#define NGINX_ROLE_SOCKET     "/run/troupe/role/http.sock"
#define NGINX_ROLE_PORT_FIRST 8080

enum { NGINX_CONF_REFUSED = 1 };

typedef struct NginxPaths {
        const char *payload;      /* AGENT_PAYLOAD_ROOT */
        const char *certificates; /* holds NAME.crt and NAME.key */
        const char *runtime;      /* for the pid file and temporary files */
} NginxPaths;

/**
 * nginx_role_port() - The local port that the role's program is to listen on, its $PORT
 * @config: borrowed
 *
 * Return: the first port from NGINX_ROLE_PORT_FIRST on that none of the role's endpoints uses.
 */
uint16_t nginx_role_port(const AgentConfig *config);

/**
 * nginx_conf_build() - Write nginx.conf
 * @config:   borrowed; a web role
 * @paths:    borrowed
 * @ret_text: owned
 * @ret_why:  on NGINX_CONF_REFUSED which site and value, owned
 *
 * A request for a file that exists in a site is answered with it. With an entry point every other
 * request is passed on to the role's program; without one it is 404.
 *
 * Return: 0; NGINX_CONF_REFUSED when a name or path has a character that nginx would interpret
 * ('$', '"', '\', a control character), or a certificate is not there; -ENOMEM.
 */
int nginx_conf_build(const AgentConfig *config, const NginxPaths *paths, char **ret_text,
                     char **ret_why);
