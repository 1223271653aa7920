/* SPDX-License-Identifier: GPL-3.0-or-later */

/* nginx.conf of a web role. nginx has no way to escape a '$' in a path, so such values are refused
 * rather than let an application's file name become a variable.
 *
 * Source: nginx documentation, ngx_http_core_module, ngx_http_proxy_module,
 * ngx_http_upstream_module */

#include "agent/nginx-conf.h"

#define BODY_MAX "30m" /* as Azure's web roles accept by default (maxAllowedContentLength) */

static bool is_plain(const char *text)
{
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || *text == 0x7f || strchr("$\"\\", *text))
                        return false;
        return true;
}

static bool port_is_used(const AgentConfig *config, uint64_t port)
{
        for (size_t i = 0; i < config->n_endpoints; i++) {
                const AgentEndpoint *e = &config->endpoints[i];

                if (port >= e->port && port <= MAX(e->port, e->port_last))
                        return true;
        }
        for (size_t i = 0; i < config->n_sites; i++)
                for (size_t k = 0; k < config->sites[i].n_bindings; k++)
                        if (config->sites[i].bindings[k].port == port)
                                return true;
        return false;
}

uint16_t nginx_role_port(const AgentConfig *config)
{
        uint16_t port = NGINX_ROLE_PORT_FIRST;

        while (port < UINT16_MAX && port_is_used(config, port))
                port++;
        return port;
}

static int refuse(char **ret_why, const char *site, const char *what, const char *value)
{
        *ret_why = str_printf("site %s: the %s '%s' has a character that nginx would interpret",
                              site, what, value);
        return *ret_why ? NGINX_CONF_REFUSED : -ENOMEM;
}

static int check_site(const AgentSite *site, char **ret_why)
{
        if (!is_plain(site->name))
                return refuse(ret_why, "?", "name", site->name);
        for (size_t i = 0; i < site->n_directories; i++) {
                if (!is_plain(site->directories[i].url))
                        return refuse(ret_why, site->name, "URL path", site->directories[i].url);
                if (!is_plain(site->directories[i].path))
                        return refuse(ret_why, site->name, "directory", site->directories[i].path);
        }
        for (size_t i = 0; i < site->n_bindings; i++) {
                const AgentBinding *b = &site->bindings[i];

                if (b->host && !is_plain(b->host))
                        return refuse(ret_why, site->name, "host header", b->host);
                if (b->certificate && !str_is_name(b->certificate, AGENT_NAME_BYTES_MAX))
                        return refuse(ret_why, site->name, "certificate's name", b->certificate);
        }
        return 0;
}

static void add_head(StrBuffer *out, const AgentConfig *config, const NginxPaths *paths)
{
        str_buffer_addf(out,
                        "# written by troupe-agent for %s\n"
                        "daemon on;\n"
                        "pid %s/nginx.pid;\n"
                        "user www-data;\n"
                        "worker_processes auto;\n"
                        "worker_rlimit_nofile 65536;\n"
                        "error_log stderr warn;\n"
                        "events {\n        worker_connections 8192;\n}\n"
                        "http {\n"
                        "        include /etc/nginx/mime.types;\n"
                        "        default_type application/octet-stream;\n"
                        "        access_log off;\n"
                        "        server_tokens off;\n"
                        "        sendfile on;\n"
                        "        tcp_nopush on;\n"
                        "        client_max_body_size " BODY_MAX ";\n"
                        "        client_body_temp_path %s/body;\n"
                        "        proxy_temp_path %s/proxy;\n"
                        "        fastcgi_temp_path %s/fastcgi;\n"
                        "        uwsgi_temp_path %s/uwsgi;\n"
                        "        scgi_temp_path %s/scgi;\n",
                        config->instance, paths->runtime, paths->runtime, paths->runtime,
                        paths->runtime, paths->runtime, paths->runtime);
        if (config->entry_point)
                /* a refused connection has sent nothing, so the second address is tried for any
                 * method */
                str_buffer_addf(out,
                                "        upstream role {\n"
                                "                server 127.0.0.1:%u max_fails=0;\n"
                                "                server unix:" NGINX_ROLE_SOCKET
                                " max_fails=0 backup;\n"
                                "                keepalive 32;\n"
                                "        }\n",
                                nginx_role_port(config));
}

static void add_pass(StrBuffer *out)
{
        str_buffer_add(out, "                location @role {\n"
                            "                        proxy_pass http://role;\n"
                            "                        proxy_http_version 1.1;\n"
                            "                        proxy_set_header Connection \"\";\n"
                            "                        proxy_set_header Host $http_host;\n"
                            "                        proxy_set_header X-Real-IP $remote_addr;\n"
                            "                        proxy_set_header X-Forwarded-For "
                            "$proxy_add_x_forwarded_for;\n"
                            "                        proxy_set_header X-Forwarded-Proto $scheme;\n"
                            "                }\n");
}

static void add_directory(StrBuffer *out, const AgentConfig *config, const NginxPaths *paths,
                          const AgentDirectory *directory)
{
        const char *otherwise = config->entry_point ? "@role" : "=404";
        bool root = str_equal(directory->url, "/");

        /* $uri/ is tried only without a program, so that "/" is the program's when it has one and
         * the site has no index of its own */
        if (root)
                str_buffer_addf(out,
                                "                root \"%s/%s\";\n"
                                "                index index.html index.htm;\n"
                                "                location / {\n"
                                "                        try_files $uri $uri/index.html "
                                "$uri/index.htm %s;\n"
                                "                }\n",
                                paths->payload, directory->path, otherwise);
        else
                str_buffer_addf(out,
                                "                location \"%s/\" {\n"
                                "                        alias \"%s/%s/\";\n"
                                "                        index index.html index.htm;\n"
                                "%s"
                                "                }\n"
                                "                location = \"%s\" {\n"
                                "                        return 301 \"%s/\";\n"
                                "                }\n",
                                directory->url, paths->payload, directory->path,
                                config->entry_point
                                        ? "                        error_page 403 404 = @role;\n"
                                        : "",
                                directory->url, directory->url);
}

static void add_server(StrBuffer *out, const AgentConfig *config, const NginxPaths *paths,
                       const AgentSite *site, const AgentBinding *binding)
{
        bool tls = str_equal(binding->protocol, "https");

        str_buffer_addf(out, "        server {\n                listen %u%s%s;\n",
                        (unsigned) binding->port, tls ? " ssl" : "",
                        binding->host ? "" : " default_server");
        if (binding->host)
                str_buffer_addf(out, "                server_name \"%s\";\n", binding->host);
        if (tls)
                str_buffer_addf(out,
                                "                ssl_certificate \"%s/%s.crt\";\n"
                                "                ssl_certificate_key \"%s/%s.key\";\n"
                                "                ssl_protocols TLSv1.2 TLSv1.3;\n",
                                paths->certificates, binding->certificate, paths->certificates,
                                binding->certificate);
        for (size_t i = 0; i < site->n_directories; i++)
                add_directory(out, config, paths, &site->directories[i]);
        if (config->entry_point)
                add_pass(out);
        str_buffer_add(out, "        }\n");
}

int nginx_conf_build(const AgentConfig *config, const NginxPaths *paths, char **ret_text,
                     char **ret_why)
{
        StrBuffer out = {};

        for (size_t i = 0; i < config->n_sites; i++) {
                int r = check_site(&config->sites[i], ret_why);

                if (r != 0)
                        return r;
        }
        add_head(&out, config, paths);
        for (size_t i = 0; i < config->n_sites; i++)
                for (size_t k = 0; k < config->sites[i].n_bindings; k++)
                        add_server(&out, config, paths, &config->sites[i],
                                   &config->sites[i].bindings[k]);
        str_buffer_add(&out, "}\n");
        return str_buffer_take(&out, ret_text);
}
