/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/issue.h"

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define NOW_US UINT64_C(1800000000000000)

static void a_certificate_says_where_its_host_is(void **state)
{
        ClusterRecord cluster = {};
        IssueRequest request = {.host = "h2", .now_us = NOW_US, .lifetime_s = 3600};
        char *key = NULL, *csr = NULL, *certificate = NULL;
        IssuedRecord issued;
        PkiFacts facts;

        assert_int_equal(pki_make_key(&key), 0);
        assert_int_equal(pki_make_request(key, &csr), 0);
        request.request = csr;
        ip_parse("192.0.2.2", &request.address);
        assert_int_equal(issue_certificate(&cluster, &request, &certificate, &issued), PKI_BAD);

        assert_int_equal(pki_make_authority("c", NOW_US, &cluster.ca, &cluster.ca_key), 0);
        assert_int_equal(issue_certificate(&cluster, &request, &certificate, &issued), 0);
        assert_int_equal(pki_examine(certificate, &facts), 0);
        assert_string_equal(facts.name, "h2");
        assert_string_equal(issued.host, "h2");
        assert_string_equal(issued.serial, facts.serial);
        assert_int_equal(issued.expires_us, facts.not_after_us);
        assert_int_equal(facts.not_after_us, NOW_US + 3600 * USEC_PER_SEC);
        assert_true(facts.not_before_us < NOW_US - 3600 * USEC_PER_SEC);
        assert_int_equal(facts.n_addresses, 3);
        assert_int_equal(ip_compare(&facts.addresses[2], &request.address), 0);
        free(certificate);

        request.request = "no request";
        assert_int_equal(issue_certificate(&cluster, &request, &certificate, &issued), PKI_BAD);
        free(key);
        free(csr);
        free(cluster.ca);
        free(cluster.ca_key);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_certificate_says_where_its_host_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
