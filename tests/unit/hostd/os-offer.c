/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a real HTTP server offers, rightly and wrongly. */

#include "hostd/os-offer.h"

#include "tests/unit/hostd/source-world.h"

typedef struct Fixture {
        SourceWorld world;
        sd_event *event;
        Worker *worker;
        Http *http;
        OsOffer *offer;
        OsRecord known[2];
        size_t n_known;
        OsOfferResult result;
        unsigned n_done;
} Fixture;

static void on_done(void *userdata, const OsOfferResult *result)
{
        Fixture *f = userdata;

        f->result = *result;
        f->n_done++;
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));
        char gpg[64];

        *state = f;
        source_world_init(&f->world);
        snprintf(gpg, sizeof(gpg), "%s/gpg", f->world.dir);
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(worker_new(f->event, 1, &f->worker), 0);
        assert_int_equal(http_new(f->event, &f->http), 0);
        assert_int_equal(os_offer_new(&(OsOfferConfig) {.worker = f->worker,
                                                        .http = f->http,
                                                        .gpg_directory = gpg,
                                                        .keyring = f->world.keyring,
                                                        .userdata = f,
                                                        .done = on_done},
                                      &f->offer),
                         0);
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        os_offer_stop(f->offer);
        worker_free(f->worker);
        os_offer_free(f->offer);
        http_free(f->http);
        sd_event_unref(f->event);
        source_world_deinit(&f->world);
        free(f);
        return 0;
}

static void ask(Fixture *f, const char *name)
{
        f->n_done = 0;
        assert_int_equal(os_offer_ask(f->offer, f->world.url, name, f->known, f->n_known), 0);
        while (f->n_done == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
}

static void expect_error(Fixture *f, const char *error, const char *why)
{
        ask(f, "");
        assert_non_null(f->result.error);
        assert_string_equal(f->result.error, error);
        if (!strstr(f->result.message, why))
                fail_msg("'%s' is not in: %s", why, f->result.message);
}

static void the_newest_is_offered(void **state)
{
        Fixture *f = *state;

        source_shell(&f->world, "version 10; sign right");
        ask(f, "");
        assert_null(f->result.error);
        assert_string_equal(f->result.os.version, "10");
        assert_int_equal(f->result.os.n_files, 2);
        ask(f, "debian-13/2");
        assert_null(f->result.error);
        assert_string_equal(f->result.os.version, "2");
        assert_false(f->result.known);
}

static void what_the_cluster_has_is_known(void **state)
{
        Fixture *f = *state;

        ask(f, "");
        f->known[0] = f->result.os;
        f->n_known = 1;
        ask(f, "");
        assert_null(f->result.error);
        assert_true(f->result.known);
        f->known[0].files[0].digest[0] ^= 1;
        expect_error(f, "RefusedNow", "with other files");
        f->known[1] = f->known[0];
        snprintf(f->known[1].version, sizeof(RecordVersion), "11");
        f->n_known = 2;
        expect_error(f, "RefusedNow", "the newest there is 10, and the cluster has 11");
        ask(f, "debian-13/2");
        assert_null(f->result.error);
        f->n_known = 0;
}

static void what_is_wrong_is_refused_by_name(void **state)
{
        Fixture *f = *state;
        SourceWorld *w = &f->world;

        source_shell(w, "sign wrong");
        expect_error(f, "GuestOsInvalid", "SHA256SUMS: is not signed");
        source_shell(w, "rm source/SHA256SUMS.gpg");
        expect_error(f, "SourceUnavailable", "SHA256SUMS.gpg: the source answers with status 404");
        source_shell(w, "head -c 70000 /dev/zero >source/SHA256SUMS.gpg");
        expect_error(f, "GuestOsInvalid", "SHA256SUMS.gpg: is longer than 64 KiB");
        source_shell(w, "head -c 2000000 /dev/zero >source/SHA256SUMS");
        expect_error(f, "GuestOsInvalid", "SHA256SUMS: is longer than 1024 KiB");
        source_shell(w, "echo '<html>' >source/SHA256SUMS; sign right");
        expect_error(f, "GuestOsInvalid", "SHA256SUMS: line 1");
        source_shell(w,
                     "sums; sign right; echo ' ' >>source/troupe-guest_debian-13_10.manifest.json");
        expect_error(f, "GuestOsInvalid", "manifest.json: is not what SHA256SUMS says");
        source_shell(w, "sums; sign right; rm source/troupe-guest_debian-13_10.manifest.json");
        expect_error(f, "SourceUnavailable", "manifest.json: the source answers with status 404");
        source_shell(w, "cd source; cp troupe-guest_debian-13_{2,10}.manifest.json; cd ..; sums; "
                        "sign right");
        expect_error(f, "GuestOsInvalid", "of another family or version");
        source_shell(w, "echo '{}' >source/troupe-guest_debian-13_10.manifest.json; sums; "
                        "sign right");
        expect_error(f, "GuestOsInvalid", "manifest.json: has no family");
        source_shell(w, "rm source/troupe-guest_debian-13_*; touch source/troupe_1.efi; sums; "
                        "sign right");
        expect_error(f, "GuestOsInvalid", "lists no guest OS");
        source_shell(w, "version 2; version 10; sign right");
}

/* Whatever it was doing: done() comes only when its job had still to end. */
static void it_can_be_cancelled(void **state)
{
        Fixture *f = *state;

        for (unsigned turns = 0; turns < 12; turns++) {
                f->n_done = 0;
                assert_int_equal(os_offer_ask(f->offer, f->world.url, "", NULL, 0), 0);
                for (unsigned i = 0; i < turns; i++)
                        assert_true(sd_event_run(f->event, 20000) >= 0);
                if (f->n_done > 0)
                        break;
                if (os_offer_cancel(f->offer))
                        while (f->n_done == 0)
                                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        }
        assert_false(os_offer_cancel(f->offer));
        ask(f, "");
        assert_null(f->result.error);
}

static void nobody_there(void **state)
{
        Fixture *f = *state;

        f->n_done = 0;
        assert_int_equal(os_offer_ask(f->offer, "http://127.0.0.1:1", "", NULL, 0), 0);
        while (f->n_done == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_string_equal(f->result.error, "SourceUnavailable");
        assert_non_null(strstr(f->result.message, "SHA256SUMS: "));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_newest_is_offered),
                cmocka_unit_test(what_the_cluster_has_is_known),
                cmocka_unit_test(what_is_wrong_is_refused_by_name),
                cmocka_unit_test(it_can_be_cancelled),
                cmocka_unit_test(nobody_there),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
