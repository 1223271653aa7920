/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fetching from real HTTPS servers over loopback, some of which break off, lie, or have nothing. */

#include "hostd/fetch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "hostd/blob-part.h"
#include "lib/base/clock.h"
#include "lib/io/https-server.h"
#include "tests/unit/lib/io/test-pki.h"
#include "tests/unit/loop.h"

#define BLOB_BYTES (5 * MIB + 4321)
#define HOLDERS    3

typedef struct Fixture Fixture;

/* A host that holds the blob, or says so. */
typedef struct Holder {
        Fixture *f;
        char name[8];
        HttpsServer *server;
        bool listed;
        uint64_t breaks_after; /* each answer breaks off after so many bytes; 0: does not */
        bool lies;             /* one byte is wrong */
        unsigned status;       /* instead of the blob */
        unsigned n_asked;
        uint64_t first; /* first byte that was asked for last */
} Holder;

struct Fixture {
        TestPki pki;
        sd_event *event;
        Http *http;
        Worker *worker;
        BlobStore *blobs;
        Fetcher *fetcher;
        Holder holders[HOLDERS];
        char digest[BLOB_DIGEST_LENGTH + 1];
        int n_done;
        int error; /* that the fetch was given up with */
        char why[FETCH_MESSAGE_MAX];
};

static void on_blob(void *userdata, HttpsRequest *request)
{
        Holder *holder = userdata;
        const char *name = holder->lies ? "lie" : "blob";
        char copy[32];
        int fd;

        holder->n_asked++;
        assert_string_equal(request->peer, "me");
        if (holder->status != 0) {
                https_answer_text(request, holder->status, "no");
                return;
        }
        assert_string_equal(request->rest, holder->f->digest);
        fd = open(test_pki_path(&holder->f->pki, name), O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        if (holder->breaks_after > 0) {
                /* a file that is shorter than it was said to be breaks off */
                static unsigned n;
                char command[256];

                close(fd);
                snprintf(copy, sizeof(copy), "short%u", n++);
                snprintf(command, sizeof(command), "head -c %llu %s >%s",
                         (unsigned long long) (holder->breaks_after * holder->n_asked),
                         test_pki_path(&holder->f->pki, name),
                         test_pki_path(&holder->f->pki, copy));
                assert_int_equal(system(command), 0);
                fd = open(test_pki_path(&holder->f->pki, copy), O_RDONLY | O_CLOEXEC);
                assert_true(fd >= 0);
        }
        https_answer_file(request, fd, BLOB_BYTES);
}

static size_t sources(void *userdata, const char *digest,
                      FetchSource ret_sources[static FETCH_SOURCES_MAX])
{
        Fixture *f = userdata;
        size_t n = 0;

        for (size_t i = 0; i < HOLDERS; i++) {
                if (!f->holders[i].listed)
                        continue;
                snprintf(ret_sources[n].host, sizeof(ret_sources[n].host), "%s",
                         f->holders[i].name);
                snprintf(ret_sources[n].url, sizeof(ret_sources[n].url), "https://127.0.0.1:%u",
                         f->holders[i].server ? https_server_port(f->holders[i].server) : 9);
                n++;
        }
        return n;
}

static HttpTls tls(void *userdata)
{
        Fixture *f = userdata;

        return (HttpTls) {.ca_path = test_pki_path(&f->pki, "ca.crt"),
                          .certificate_path = test_pki_path(&f->pki, "me.crt"),
                          .key_path = test_pki_path(&f->pki, "me.key")};
}

static void on_done(void *userdata, const char *digest)
{
        Fixture *f = userdata;

        assert_string_equal(digest, f->digest);
        assert_true(blob_exists(f->blobs, digest));
        f->n_done++;
        blob_release(f->blobs, digest);
}

static void on_failed(void *userdata, const char *digest, int error, const char *why)
{
        Fixture *f = userdata;

        assert_string_equal(digest, f->digest);
        assert_false(blob_exists(f->blobs, digest));
        f->error = error;
        snprintf(f->why, sizeof(f->why), "%s", why);
}

static void write_files(Fixture *f)
{
        uint8_t *bytes = malloc(BLOB_BYTES), digest[32];
        const char *names[] = {"blob", "lie"};
        unsigned length = sizeof(digest);

        for (size_t i = 0; i < BLOB_BYTES; i++)
                bytes[i] = (uint8_t) (i * 31 + i / 1021);
        EVP_Digest(bytes, BLOB_BYTES, digest, &length, EVP_sha256(), NULL);
        str_hex(digest, length, f->digest);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                FILE *file = fopen(test_pki_path(&f->pki, names[i]), "w");

                assert_int_equal(fwrite(bytes, 1, BLOB_BYTES, file), BLOB_BYTES);
                fclose(file);
                bytes[BLOB_BYTES / 3] ^= 0x10;
        }
        free(bytes);
}

static void start_holder(Fixture *f, Holder *holder)
{
        char message[HTTPS_MESSAGE_MAX];
        HttpsServerConfig config = {
                .files = {.ca = test_pki_path(&f->pki, "ca.crt"),
                          .certificate = test_pki_path(&f->pki, "holder.crt"),
                          .key = test_pki_path(&f->pki, "holder.key")},
        };

        assert_int_equal(ip_parse("127.0.0.1", &config.address), 0);
        assert_int_equal(https_server_new(f->event, &config, message, &holder->server), 0);
        assert_int_equal(https_server_route(holder->server, &(HttpsRoute) {.method = "GET",
                                                                           .path = FETCH_PATH,
                                                                           .needs_peer = true,
                                                                           .handler = on_blob,
                                                                           .userdata = holder}),
                         0);
}

static void start_fetcher(Fixture *f, bool gives_up)
{
        FetcherConfig config = {
                .event = f->event,
                .userdata = f,
                .sources = sources,
                .tls = tls,
                .done = on_done,
                .failed = gives_up ? on_failed : NULL,
        };

        assert_int_equal(http_new(f->event, &f->http), 0);
        assert_int_equal(worker_new(f->event, 2, &f->worker), 0);
        assert_int_equal(blob_store_open(test_pki_path(&f->pki, "blobs"), &f->blobs), 0);
        config.http = f->http;
        config.worker = f->worker;
        config.blobs = f->blobs;
        assert_int_equal(fetcher_new(&config, &f->fetcher), 0);
}

static void stop_fetcher(Fixture *f)
{
        fetcher_stop(f->fetcher);
        f->worker = worker_free(f->worker);
        f->fetcher = fetcher_free(f->fetcher);
        f->blobs = blob_store_close(f->blobs);
        f->http = http_free(f->http);
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));

        *state = f;
        test_pki_init(&f->pki);
        test_pki_host(&f->pki, "holder");
        test_pki_host(&f->pki, "me");
        write_files(f);
        assert_int_equal(mkdir(test_pki_path(&f->pki, "blobs"), 0755), 0);
        sd_event_new(&f->event);
        for (size_t i = 0; i < HOLDERS; i++) {
                f->holders[i].f = f;
                snprintf(f->holders[i].name, sizeof(f->holders[i].name), "h%zu", i + 1);
                start_holder(f, &f->holders[i]);
        }
        start_fetcher(f, false);
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        stop_fetcher(f);
        for (size_t i = 0; i < HOLDERS; i++)
                https_server_free(f->holders[i].server);
        sd_event_unref(f->event);
        test_pki_deinit(&f->pki);
        free(f);
        return 0;
}

static void run_until_done(Fixture *f)
{
        RUN_UNTIL(f->event, f->n_done > 0);
}

static void fetch(Fixture *f)
{
        FetchProgress progress;

        assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
        assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
        assert_true(fetcher_progress(f->fetcher, f->digest, &progress));
        run_until_done(f);
        assert_false(fetcher_progress(f->fetcher, f->digest, &progress));
}

static void test_whole(void **state)
{
        Fixture *f = *state;
        uint8_t *bytes = malloc(BLOB_BYTES);
        _cleanup_free_ char *path = blob_path(f->blobs, f->digest);
        FILE *file;

        f->holders[0].listed = true;
        fetch(f);
        assert_int_equal(f->holders[0].n_asked, 1);
        file = fopen(path, "r");
        assert_int_equal(fread(bytes, 1, BLOB_BYTES, file), BLOB_BYTES);
        fclose(file);
        for (size_t i = 0; i < BLOB_BYTES; i++)
                assert_int_equal(bytes[i], (uint8_t) (i * 31 + i / 1021));
        free(bytes);
}

/* Each answer breaks off further on; what has come is not asked for again. */
static void test_breaks(void **state)
{
        Fixture *f = *state;

        f->holders[0].listed = true;
        f->holders[0].breaks_after = MIB + 100;
        fetch(f);
        assert_in_range(f->holders[0].n_asked, 4, 6);
}

/* One breaks off, the next goes on; the one that has nothing and the one that is not there cost no
 * more than being asked. */
static void test_next_holder(void **state)
{
        Fixture *f = *state;

        for (size_t i = 0; i < HOLDERS; i++)
                f->holders[i].listed = true;
        f->holders[0].status = 404;
        f->holders[1].breaks_after = 2 * MIB;
        f->holders[2].breaks_after = 3 * MIB;
        fetch(f);
        assert_int_equal(f->holders[0].n_asked, 1);
        assert_true(f->holders[1].n_asked + f->holders[2].n_asked <= 4);
        assert_true(f->holders[2].n_asked >= 1);
}

static void test_liar(void **state)
{
        Fixture *f = *state;

        f->holders[0].listed = f->holders[1].listed = true;
        f->holders[0].lies = true;
        fetch(f);
        assert_int_equal(f->holders[0].n_asked, 1);
        assert_int_equal(f->holders[1].n_asked, 1);
}

/* Half from a liar and half from an honest host: then from one alone. */
static void test_liar_and_breaks(void **state)
{
        Fixture *f = *state;

        f->holders[0].listed = f->holders[1].listed = true;
        f->holders[0].lies = true;
        f->holders[0].breaks_after = 3 * MIB;
        fetch(f);
        assert_true(blob_exists(f->blobs, f->digest));
}

/* Nobody has it, or only liars: it waits, says why, and goes on when there is somebody. */
static void test_nobody(void **state)
{
        Fixture *f = *state;
        FetchProgress progress;

        f->holders[0].listed = true;
        f->holders[0].lies = true;
        assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
        RUN_UNTIL(f->event, fetcher_progress(f->fetcher, f->digest, &progress) &&
                                    strstr(progress.problem, "no host"));
        assert_string_equal(progress.problem, "no host that is up has it");
        assert_int_equal(f->holders[0].n_asked, 1);
        assert_int_equal(f->n_done, 0);
        assert_false(blob_exists(f->blobs, f->digest));
        f->holders[1].listed = true;
        fetcher_retry(f->fetcher);
        run_until_done(f);
}

static void test_down_holder(void **state)
{
        Fixture *f = *state;

        f->holders[0].listed = f->holders[1].listed = true;
        f->holders[0].server = https_server_free(f->holders[0].server);
        fetch(f);
        assert_int_equal(f->holders[1].n_asked, 1);
}

/* Killed in the middle: the next hostd goes on from there. */
static void test_over_a_restart(void **state)
{
        Fixture *f = *state;
        FetchProgress progress = {};
        uint64_t before;

        f->holders[0].listed = true;
        f->holders[0].breaks_after = 3 * MIB;
        assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
        for (int i = 0; i < 5000 && progress.bytes < 2 * MIB; i++) {
                sd_event_run(f->event, 10000);
                assert_true(fetcher_progress(f->fetcher, f->digest, &progress));
        }
        before = progress.bytes;
        assert_true(before >= 2 * MIB && f->n_done == 0);
        stop_fetcher(f);
        start_fetcher(f, false);
        assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
        for (int i = 0; i < 5000; i++) {
                sd_event_run(f->event, 10000);
                if (!fetcher_progress(f->fetcher, f->digest, &progress) || progress.bytes > 0)
                        break;
        }
        assert_true(f->n_done > 0 || progress.bytes >= before);
        if (f->n_done == 0)
                run_until_done(f);
}

static void test_cancel(void **state)
{
        Fixture *f = *state;
        FetchProgress progress = {};
        char part[128];

        f->holders[0].listed = true;
        assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
        for (int i = 0; i < 5000 && progress.bytes == 0; i++) {
                sd_event_run(f->event, 10000);
                assert_true(fetcher_progress(f->fetcher, f->digest, &progress));
        }
        fetcher_cancel(f->fetcher, f->digest);
        assert_false(fetcher_progress(f->fetcher, f->digest, &progress));
        for (int i = 0; i < 30; i++)
                sd_event_run(f->event, 10000);
        snprintf(part, sizeof(part), "blobs/" BLOB_PART_PREFIX "%s", f->digest);
        assert_int_equal(access(test_pki_path(&f->pki, part), F_OK), -1);
        assert_int_equal(f->n_done, 0);
        /* and wanted again, at once behind another cancel */
        assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
        for (int i = 0; i < 20; i++)
                sd_event_run(f->event, 1000);
        fetcher_cancel(f->fetcher, f->digest);
        fetch(f);
}

/* With failed(), it ends: at once when there is nothing to hope for, else after some tries. */
static void test_gives_up(void **state)
{
        static const struct {
                bool lies;
                unsigned status;
                bool down;
                int error;
                const char *why;
        } cases[] = {
                {true, 0, false, -EBADMSG, "host h1 sent what is not the blob"},
                {false, 404, false, -ENOENT, "host h1 answers with status 404"},
                {false, 302, false, -ENOENT, "host h1 answers with status 302"},
                {false, 0, true, -ECONNRESET, "host h1: "},
        };
        Fixture *f = *state;
        Holder *holder = &f->holders[0];

        stop_fetcher(f);
        start_fetcher(f, true);
        holder->listed = true;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                holder->lies = cases[i].lies;
                holder->status = cases[i].status;
                if (cases[i].down)
                        holder->server = https_server_free(holder->server);
                f->error = 0;
                assert_int_equal(fetcher_want(f->fetcher, f->digest, BLOB_BYTES), 0);
                assert_false(fetcher_is_idle(f->fetcher));
                while (f->error == 0)
                        assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
                assert_int_equal(f->error, cases[i].error);
                if (!strstr(f->why, cases[i].why))
                        fail_msg("%s", f->why);
                assert_true(fetcher_is_idle(f->fetcher));
        }
        assert_int_equal(f->n_done, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_breaks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_next_holder, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_liar, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_liar_and_breaks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_nobody, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_down_holder, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_over_a_restart, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_gives_up, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
