/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/renewal.h"

#include "tests/unit/hostd/cluster-world.h"

#define DAY_US (UINT64_C(86400) * USEC_PER_SEC)

static void it_is_due_when_a_third_is_over(void **state)
{
        PkiFacts facts = {.not_after_us = 300 * DAY_US};
        IpAddress none = {}, here;

        assert_false(renewal_is_due(&facts, &none, 90 * DAY_US, 300 * 86400));
        assert_true(renewal_is_due(&facts, &none, 101 * DAY_US, 300 * 86400));
        assert_true(renewal_is_due(&facts, &none, 400 * DAY_US, 300 * 86400));
        ip_parse("192.0.2.1", &here);
        assert_true(renewal_is_due(&facts, &here, 0, 300 * 86400)); /* not in it */
        facts.addresses[facts.n_addresses++] = here;
        assert_false(renewal_is_due(&facts, &here, 0, 300 * 86400));
}

static void on_renewed(void *userdata)
{
        ++*(unsigned *) userdata;
}

static void a_certificate_that_is_due_is_replaced_and_written_down(void **state)
{
        ClusterWorld *world = *state;
        char name[] = "h1";
        Config config = {.host = name, .address = world->address, .certificate_s = 60};
        RecordName serial;
        unsigned renewed = 0;
        Renewal *renewal;

        /* founded with an hour: as if it had been given one minute, so nothing is due */
        memcpy(serial, world->identity.facts.serial, sizeof(serial));
        assert_false(renewal_is_due(&world->identity.facts, &world->address, clock_realtime_us(),
                                    config.certificate_s));
        config.address.bytes[3] ^= 1; /* but the address has changed */
        assert_int_equal(renewal_new(&(RenewalConfig) {world->etcd, world->store, &config,
                                                       &world->identity, on_renewed, &renewed},
                                     &renewal),
                         0);
        RUN_UNTIL(world->event, renewed == 1);
        assert_string_not_equal(serial, world->identity.facts.serial);
        RUN_UNTIL(world->event,
                  store_named(world->store, RECORD_ISSUED, world->identity.facts.serial));
        assert_int_equal(
                pki_verify(world->identity.ca, world->identity.certificate, world->identity.key),
                0);
        renewal_free(renewal);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_due_when_a_third_is_over),
                CLUSTER_TEST(a_certificate_that_is_due_is_replaced_and_written_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
