/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Against libvirt's own test driver, which keeps its domains in this process. */

#include "hostd/hypervisor.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define DOMAIN                                                                                     \
        "<domain type='test'><name>troupe-a</name><memory unit='MiB'>64</memory>"                  \
        "<os><type arch='x86_64'>hvm</type></os></domain>"

typedef struct Fixture {
        sd_event *event;
        Hypervisor *hypervisor;
        unsigned n_changed;
} Fixture;

static void on_changed(void *userdata)
{
        ((Fixture *) userdata)->n_changed++;
}

static int setup(void **state)
{
        static Fixture fixture;

        fixture = (Fixture) {};
        assert_int_equal(sd_event_new(&fixture.event), 0);
        assert_int_equal(hypervisor_new(fixture.event, "test:///default", on_changed, &fixture,
                                        &fixture.hypervisor),
                         0);
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        hypervisor_free(fixture->hypervisor);
        sd_event_unref(fixture->event);
        return 0;
}

static DomainState state_of(Fixture *fixture, const char *name)
{
        DomainList list = {};
        DomainState state;
        char *message;

        assert_int_equal(hypervisor_list(fixture->hypervisor, "troupe-", &list, &message), 0);
        state = domain_list_state(&list, name);
        domain_list_deinit(&list);
        return state;
}

static void a_domain_lives_and_dies(void **state)
{
        Fixture *fixture = *state;
        char *message = NULL;

        assert_int_equal(state_of(fixture, "test"),
                         DOMAIN_ABSENT); /* the driver's own: not our prefix */
        assert_int_equal(hypervisor_create(fixture->hypervisor, DOMAIN, &message), 0);
        assert_int_equal(state_of(fixture, "troupe-a"), DOMAIN_RUNNING);
        assert_true(hypervisor_create(fixture->hypervisor, DOMAIN, &message) > 0);
        assert_non_null(message);
        free(message);
        assert_int_equal(hypervisor_destroy(fixture->hypervisor, "troupe-a", &message), 0);
        assert_int_equal(state_of(fixture, "troupe-a"), DOMAIN_ABSENT);
        assert_int_equal(hypervisor_destroy(fixture->hypervisor, "troupe-a", &message),
                         HYPERVISOR_NO_DOMAIN);
        assert_non_null(strstr(message, "omain not found"));
        free(message);
        assert_int_equal(hypervisor_reset(fixture->hypervisor, "troupe-a", &message),
                         HYPERVISOR_NO_DOMAIN);
        free(message);
}

static void changes_wake_the_loop(void **state)
{
        Fixture *fixture = *state;
        char *message = NULL;

        assert_int_equal(hypervisor_create(fixture->hypervisor, DOMAIN, &message), 0);
        while (fixture->n_changed == 0)
                assert_true(sd_event_run(fixture->event, 5 * USEC_PER_SEC) > 0);
        assert_int_equal(hypervisor_destroy(fixture->hypervisor, "troupe-a", &message), 0);
}

static void nonsense_is_refused_with_libvirts_words(void **state)
{
        Fixture *fixture = *state;
        char *message = NULL;

        assert_int_equal(hypervisor_create(fixture->hypervisor, "<domain type='test'/>", &message),
                         HYPERVISOR_REFUSED);
        assert_non_null(message);
        free(message);
}

static void no_libvirtd_is_no_connection(void **state)
{
        Fixture *fixture = *state;
        Hypervisor *other;
        DomainList list = {};
        char *message = NULL;

        assert_int_equal(hypervisor_new(fixture->event,
                                        "qemu+unix:///system?socket=/nonexistent/socket",
                                        on_changed, fixture, &other),
                         0);
        assert_int_equal(hypervisor_list(other, "troupe-", &list, &message), -ENOTCONN);
        assert_non_null(strstr(message, "/nonexistent/socket"));
        free(message);
        hypervisor_free(other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_domain_lives_and_dies, setup, teardown),
                cmocka_unit_test_setup_teardown(changes_wake_the_loop, setup, teardown),
                cmocka_unit_test_setup_teardown(nonsense_is_refused_with_libvirts_words, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(no_libvirtd_is_no_connection, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
