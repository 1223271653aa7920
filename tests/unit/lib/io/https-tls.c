/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who counts as a host of the cluster, and files that cannot be used. */

#include "tests/unit/lib/io/https-fixture.h"

static void test_without_certificate(void **state)
{
        Fixture *f = *state;

        be(f, NULL);
        ask(f, "/open", NULL, 200);
        assert_non_null(strstr(f->body, "peer=nobody digest=0"));
        ask(f, "/peers/x", NULL, 403);
        ask(f, "/file", NULL, 403);
}

static void test_wrong_certificates(void **state)
{
        Fixture *f = *state;
        TestPki other;

        test_pki_certify(&f->pki, "old", "h3", "clientAuth", -7200, -3600);
        test_pki_certify(&f->pki, "server", "h3", "serverAuth", -60, 3600);
        test_pki_certify(&f->pki, "badname", "h3/../x", "clientAuth", -60, 3600);
        test_pki_certify(&f->pki, "expelled", "expelled", "clientAuth", -60, 3600);
        be(f, "old");
        ask(f, "/peers/x", NULL, 403);
        be(f, "server");
        ask(f, "/peers/x", NULL, 403);
        be(f, "badname");
        ask(f, "/peers/x", NULL, 403);
        be(f, "expelled");
        ask(f, "/peers/x", NULL, 403);
        test_pki_init(&other);
        test_pki_host(&other, "h2");
        be(f, "h2");
        f->tls.certificate_path = test_pki_path(&other, "h2.crt");
        f->tls.key_path = test_pki_path(&other, "h2.key");
        ask(f, "/peers/x", NULL, 403);
        ask(f, "/open", NULL, 200);
        assert_non_null(strstr(f->body, "peer=nobody"));
        test_pki_deinit(&other);
        be(f, "h2");
        ask(f, "/peers/x", NULL, 200);
        f->refuse_peers = true; /* asked again for each request of a connection */
        ask(f, "/peers/x", NULL, 403);
        assert_int_equal(f->n_handled, 2);
}

static void test_bad_files(void **state)
{
        char message[HTTPS_MESSAGE_MAX] = "";
        Fixture *f = *state;
        HttpsServerConfig config = config_of(f);
        HttpsServer *server;

        config.files.ca = test_pki_path(&f->pki, "none.crt");
        assert_int_equal(https_server_new(f->event, &config, message, &server), HTTPS_BAD_FILES);
        assert_non_null(strstr(message, "none.crt: No such file"));
        config.files.ca = test_pki_path(&f->pki, "h1.key");
        assert_int_equal(https_server_new(f->event, &config, message, &server), HTTPS_BAD_FILES);
        config = config_of(f);
        config.port = https_server_port(f->server);
        assert_int_equal(https_server_new(f->event, &config, message, &server), -EADDRINUSE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_without_certificate, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wrong_certificates, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
