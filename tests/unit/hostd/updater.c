/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The updater against a systemd of the test's own, over a bus connection of a socket pair. */

#include "hostd/updater.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/bus-pair.h"
#include "tests/unit/test.h"

#define SYSTEMD "org.freedesktop.systemd1"

typedef struct Fixture {
        sd_event *event;
        BusPair bus;
        Updater *updater;
        HostUpdateReport report;
        unsigned n_said;
        char asked[512]; /* units that were to be started */
        const char *start_error;
        const char *boot_state; /* of boot-complete.target */
        unsigned n_looks;
        char dir[64], outcome[96];
} Fixture;

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Fixture *fixture = userdata;
        const char *member = sd_bus_message_get_member(message), *unit;

        if (str_equal(member, "Get")) {
                assert_string_equal(sd_bus_message_get_path(message),
                                    "/org/freedesktop/systemd1/unit/boot_2dcomplete_2etarget");
                fixture->n_looks++;
                return sd_bus_reply_method_return(message, "v", "s", fixture->boot_state);
        }
        if (!str_equal(member, "StartUnit"))
                return sd_bus_reply_method_return(message, "");
        assert_true(sd_bus_message_read(message, "s", &unit) > 0);
        snprintf(fixture->asked + strlen(fixture->asked),
                 sizeof(fixture->asked) - strlen(fixture->asked), "%s ", unit);
        if (fixture->start_error)
                return sd_bus_reply_method_errorf(message, SYSTEMD ".Failed", "%s",
                                                  fixture->start_error);
        return sd_bus_reply_method_return(message, "o", "/job/1");
}

static void on_say(void *userdata, const HostUpdateReport *report)
{
        Fixture *fixture = userdata;

        fixture->report = *report;
        fixture->n_said++;
}

static bool on_own_etcd(void *userdata, EtcdConfig *ret_config)
{
        return false;
}

static int setup(void **state)
{
        static Fixture fixture;
        UpdaterConfig config = {.boot_id = "boot-1", .say = on_say, .own_etcd = on_own_etcd};

        fixture = (Fixture) {.dir = "/tmp/troupe-updater-XXXXXX", .boot_state = "inactive"};
        assert_non_null(mkdtemp(fixture.dir));
        snprintf(fixture.outcome, sizeof(fixture.outcome), "%s/outcome", fixture.dir);
        assert_int_equal(sd_event_new(&fixture.event), 0);
        bus_pair_begin(&fixture.bus, fixture.event, on_call, &fixture);
        config.event = fixture.event;
        config.outcome_path = fixture.outcome;
        config.userdata = &fixture;
        assert_int_equal(updater_new(&config, &fixture.updater), 0);
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        updater_free(fixture->updater);
        bus_pair_end(&fixture->bus);
        sd_event_unref(fixture->event);
        unlink(fixture->outcome);
        return rmdir(fixture->dir);
}

static HostUpdate told_in(const char *boot)
{
        HostUpdate update = {.operation = "op1", .begun = true, .url = "http://192.0.2.1/new"};

        snprintf(update.boot, sizeof(update.boot), "%s", boot);
        return update;
}

/* The unit ends and leaves this; NULL: nothing. */
static void end_unit(Fixture *fixture, const char *unit, const char *outcome)
{
        sd_bus_message *signal;

        if (outcome)
                assert_int_equal(file_write_atomic(AT_FDCWD, fixture->outcome, outcome,
                                                   strlen(outcome), 0600),
                                 0);
        assert_true(sd_bus_message_new_signal(fixture->bus.server, &signal,
                                              "/org/freedesktop/systemd1", SYSTEMD ".Manager",
                                              "JobRemoved") >= 0);
        assert_true(sd_bus_message_append(signal, "uoss", 1, "/job/1", unit, "done") >= 0);
        assert_true(sd_bus_message_set_sender(signal, SYSTEMD) >= 0);
        assert_true(sd_bus_send(fixture->bus.server, signal, NULL) >= 0);
        sd_bus_message_unref(signal);
}

#define UNIT "troupe-update@http:--192.0.2.1-new.service"

static void begin(Fixture *fixture)
{
        HostUpdate update = told_in("boot-1");

        updater_look(fixture->updater, &update);
        updater_set_bus(fixture->updater, fixture->bus.client);
        RUN_UNTIL(fixture->event, fixture->asked[0]);
        assert_string_equal(fixture->asked, UNIT " ");
}

static void a_new_version_is_started(void **state)
{
        Fixture *fixture = *state;

        begin(fixture);
        end_unit(fixture, "other.service", NULL);
        end_unit(fixture, UNIT, "updated version 2 is started at the next restart\n");
        RUN_UNTIL(fixture->event, str_equal(fixture->asked, UNIT " reboot.target "));
        assert_int_equal(fixture->n_said, 0);
}

static void what_is_current_stays(void **state)
{
        Fixture *fixture = *state;

        begin(fixture);
        end_unit(fixture, UNIT, "current no version newer than 1\n");
        RUN_UNTIL(fixture->event, fixture->n_said > 0);
        assert_string_equal(fixture->report.operation, "op1");
        assert_true(fixture->report.current);
        assert_string_equal(fixture->asked, UNIT " ");
        updater_look(fixture->updater, &(HostUpdate) {});
        assert_int_equal(fixture->n_said, 2);
        assert_string_equal(fixture->report.operation, "");
}

static void what_fails_says_why(void **state)
{
        static const struct {
                const char *outcome, *problem;
        } cases[] = {
                {"failed it is not signed\nmore", "it is not signed"},
                {"strange", UNIT " ended (done) and said nothing; its journal has more"},
        };
        Fixture *fixture = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                begin(fixture);
                end_unit(fixture, UNIT, cases[i].outcome);
                RUN_UNTIL(fixture->event, fixture->report.problem[0]);
                assert_string_equal(fixture->report.problem, cases[i].problem);
                updater_set_bus(fixture->updater, NULL);
                updater_look(fixture->updater, &(HostUpdate) {});
                fixture->asked[0] = '\0';
        }
        fixture->start_error = "not allowed";
        begin(fixture);
        RUN_UNTIL(fixture->event, fixture->report.problem[0]);
        assert_string_equal(fixture->report.problem, "not allowed");
}

/* The bus went away while it was fetched: it is asked for again, and that is what is waited for. */
static void a_lost_bus_begins_again(void **state)
{
        Fixture *fixture = *state;

        begin(fixture);
        updater_set_bus(fixture->updater, NULL);
        updater_set_bus(fixture->updater, fixture->bus.client);
        RUN_UNTIL(fixture->event, str_equal(fixture->asked, UNIT " " UNIT " "));
        end_unit(fixture, UNIT, "current none\n");
        RUN_UNTIL(fixture->event, fixture->n_said > 0);
        assert_true(fixture->report.current);
}

static void after_the_restart_it_waits_for_health(void **state)
{
        HostUpdate update = told_in("boot-0");
        Fixture *fixture = *state;

        updater_set_bus(fixture->updater, fixture->bus.client);
        updater_look(fixture->updater, &update);
        RUN_UNTIL(fixture->event, fixture->n_looks == 2);
        assert_int_equal(fixture->n_said, 0);
        fixture->boot_state = "active";
        RUN_UNTIL(fixture->event, fixture->n_said > 0);
        assert_true(fixture->report.healthy);
        assert_string_equal(fixture->report.operation, "op1");
        assert_string_equal(fixture->asked, "");
}

static void waiting_hosts_do_nothing(void **state)
{
        Fixture *fixture = *state;
        HostUpdate update = told_in("");

        updater_set_bus(fixture->updater, fixture->bus.client);
        updater_look(fixture->updater, &update);
        assert_true(sd_event_run(fixture->event, 50000) >= 0);
        assert_string_equal(fixture->asked, "");
        assert_int_equal(fixture->n_said, 0);
}

static void addresses_become_units(void **state)
{
        char long_url[400] = "http://";
        UpdaterUnit unit;

        assert_int_equal(updater_unit("", unit), 0);
        assert_string_equal(unit, "troupe-update.service");
        assert_int_equal(updater_unit("https://a-b.example:8443/x/~y", unit), 0);
        assert_string_equal(unit, "troupe-update@https:--a\\x2db.example:8443-x-\\x7ey.service");
        assert_int_equal(updater_unit("ftp://a/b", unit), -EINVAL);
        assert_int_equal(updater_unit("http://", unit), -EINVAL);
        assert_int_equal(updater_unit("http://a/\n[Transfer]", unit), -EINVAL);
        assert_int_equal(updater_unit("http://a/%I", unit), -EINVAL);
        memset(long_url + 7, 'a', 300);
        assert_int_equal(updater_unit(long_url, unit), -EINVAL);
        memset(long_url + 7, 0, 300);
        memset(long_url + 7, '~', 100); /* four characters each in the unit's name */
        assert_int_equal(updater_unit(long_url, unit), -E2BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_new_version_is_started, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_current_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(what_fails_says_why, setup, teardown),
                cmocka_unit_test_setup_teardown(a_lost_bus_begins_again, setup, teardown),
                cmocka_unit_test_setup_teardown(after_the_restart_it_waits_for_health, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(waiting_hosts_do_nothing, setup, teardown),
                cmocka_unit_test(addresses_become_units),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
