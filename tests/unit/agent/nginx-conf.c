/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/nginx-conf.h"

#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static AgentEndpoint endpoints[] = {
        {.name = "http", .kind = "input", .protocol = "http", .port = 80},
        {.name = "admin", .kind = "internal", .protocol = "tcp", .port = 8080, .port_last = 8082}};
static AgentDirectory directories[] = {{"/", "site"}, {"/shop", "apps/shop"}};
static AgentBinding bindings[] = {
        {.protocol = "http", .port = 80},
        {.protocol = "https", .port = 443, .host = "a.example", .certificate = "tls"}};
static const NginxPaths paths = {"/srv/role", "/run/troupe/certificates", "/run/troupe/nginx"};

static AgentConfig example(AgentSite *site)
{
        *site = (AgentSite) {"main", directories, 2, bindings, 2};
        return (AgentConfig) {.instance = "web_IN_0",
                              .endpoints = endpoints,
                              .n_endpoints = 2,
                              .sites = site,
                              .n_sites = 1};
}

static void the_roles_port_is_nobody_elses(void **state)
{
        AgentSite site;
        AgentConfig config = example(&site);

        assert_int_equal(nginx_role_port(&config), 8083);
}

static void a_static_site(void **state)
{
        AgentSite site;
        AgentConfig config = example(&site);
        char *text = NULL, *why = NULL;

        assert_int_equal(nginx_conf_build(&config, &paths, &text, &why), 0);
        assert_non_null(strstr(text, "listen 80 default_server;"));
        assert_non_null(strstr(text, "listen 443 ssl;"));
        assert_non_null(strstr(text, "server_name \"a.example\";"));
        assert_non_null(strstr(text, "ssl_certificate_key \"/run/troupe/certificates/tls.key\";"));
        assert_non_null(strstr(text, "root \"/srv/role/site\";"));
        assert_non_null(strstr(text, "alias \"/srv/role/apps/shop/\";"));
        assert_non_null(strstr(text, "=404"));
        assert_null(strstr(text, "proxy_pass"));
        free(text);
}

static void a_program_behind(void **state)
{
        AgentSite site;
        AgentConfig config = example(&site);
        char *text = NULL, *why = NULL;

        config.entry_point = "./serve";
        assert_int_equal(nginx_conf_build(&config, &paths, &text, &why), 0);
        assert_non_null(strstr(text, "server 127.0.0.1:8083 max_fails=0;"));
        assert_non_null(strstr(text, "proxy_pass http://role;"));
        assert_non_null(strstr(text, "@role;"));
        free(text);
}

static void what_nginx_would_interpret_is_refused(void **state)
{
        AgentDirectory bad[] = {{"/", "site/$document_root"}};
        AgentBinding host[] = {{.protocol = "http", .port = 80, .host = "x\"; root /etc; #"}};
        AgentSite site;
        AgentConfig config = example(&site);
        char *text = NULL, *why = NULL;

        site.directories = bad;
        site.n_directories = 1;
        assert_int_equal(nginx_conf_build(&config, &paths, &text, &why), NGINX_CONF_REFUSED);
        assert_non_null(strstr(why, "site main: the directory 'site/$document_root'"));
        free(why);
        config = example(&site);
        site.bindings = host;
        site.n_bindings = 1;
        assert_int_equal(nginx_conf_build(&config, &paths, &text, &why), NGINX_CONF_REFUSED);
        free(why);
        assert_null(text);
}

static int build(void)
{
        AgentSite site;
        AgentConfig config = example(&site);
        char *text = NULL, *why = NULL;
        int r = nginx_conf_build(&config, &paths, &text, &why);

        free(text);
        return r;
}

static void short_memory_is_said(void **state)
{
        FAILING_EACH(build());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_roles_port_is_nobody_elses),
                cmocka_unit_test(a_static_site),
                cmocka_unit_test(a_program_behind),
                cmocka_unit_test(what_nginx_would_interpret_is_refused),
                cmocka_unit_test(short_memory_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
