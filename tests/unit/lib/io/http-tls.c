/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client that knows no more of a cluster than the fingerprint of its CA. */

#include "tests/unit/lib/io/https-fixture.h"

static void test_client_refuses_wrong_server(void **state)
{
        Fixture *f = *state;
        TestPki other;

        test_pki_init(&other);
        f->tls.ca_path = test_pki_path(&other, "ca.crt");
        start(f, "/peers/x", NULL);
        run_until(f, &f->ended, 1);
        assert_int_equal(f->result.error, -EKEYREJECTED);
        assert_int_equal(f->n_handled, 0);
        test_pki_deinit(&other);
}

/* A joining host knows the fingerprint of the CA, and no more. */
static void test_pinned_ca(void **state)
{
        Fixture *f = *state;
        char wrong[65];

        be(f, NULL);
        f->tls = (HttpTls) {.ca_sha256 = f->pki.ca_sha256};
        ask(f, "/open", "secret", 200);
        assert_non_null(strstr(f->body, "body=secret"));
        snprintf(wrong, sizeof(wrong), "%s", f->pki.ca_sha256);
        wrong[63] = wrong[63] == '0' ? '1' : '0';
        f->n_handled = 0;
        f->tls.ca_sha256 = wrong;
        start(f, "/open", "secret");
        run_until(f, &f->ended, 1);
        assert_int_equal(f->result.error, -EKEYREJECTED);
        assert_non_null(strstr(f->body, "fingerprint"));
        assert_int_equal(f->n_handled, 0);
        /* the fingerprint of the server's own certificate is not that of a CA */
        f->tls.ca_sha256 = "00";
        assert_int_equal(http_start(f->http,
                                    &(HttpOptions) {.url = url(f, "/open"),
                                                    .tls = &f->tls,
                                                    .done = on_done,
                                                    .userdata = f},
                                    NULL),
                         -EINVAL);
}

/* Somebody in between sends the real CA's certificate, but has no certificate of that CA. */
static void test_pinned_ca_of_another(void **state)
{
        Fixture *f = *state;
        HttpsServerConfig config;
        TestPki other;
        char command[256];

        test_pki_init(&other);
        test_pki_host(&other, "h1");
        snprintf(command, sizeof(command), "cat %s %s >%s", test_pki_path(&f->pki, "ca.crt"),
                 test_pki_path(&other, "ca.crt"), test_pki_path(&other, "both.crt"));
        assert_int_equal(system(command), 0);
        config = config_of(f);
        config.files = (HttpsFiles) {.ca = test_pki_path(&other, "both.crt"),
                                     .certificate = test_pki_path(&other, "h1.crt"),
                                     .key = test_pki_path(&other, "h1.key")};
        serve(f, &config);
        be(f, NULL);
        f->tls = (HttpTls) {.ca_sha256 = f->pki.ca_sha256};
        start(f, "/open", "secret");
        run_until(f, &f->ended, 1);
        assert_int_equal(f->result.error, -EKEYREJECTED);
        assert_int_equal(f->n_handled, 0);
        test_pki_deinit(&other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_client_refuses_wrong_server, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_pinned_ca, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_pinned_ca_of_another, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
