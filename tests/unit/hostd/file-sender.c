/* SPDX-License-Identifier: GPL-3.0-or-later */
/* To a real receiver, over the real server. */

#include "hostd/file-sender.h"

#include <sys/mman.h>

#include "lib/base/file.h"
#include "tests/unit/hostd/cluster-world.h"

typedef struct Sent {
        bool done;
        char error[32];
} Sent;

typedef struct World {
        ClusterWorld *cluster;
        FileReceiver *receiver;
        Worker *worker;
        FileSender *sender;
        Sent sent;
} World;

static void on_done(void *userdata, const char *error, const char *message)
{
        Sent *sent = userdata;

        sent->done = true;
        snprintf(sent->error, sizeof(sent->error), "%s", error ?: "");
        assert_true(!error || message[0]);
}

static World begin(void **state)
{
        World w = {.cluster = *state};

        assert_int_equal(worker_new(w.cluster->event, 2, &w.worker), 0);
        assert_int_equal(
                file_receiver_new(w.cluster->event, w.cluster->peers, w.cluster->dir, &w.receiver),
                0);
        return w;
}

static void begin_sending(World *w, int fd, uint64_t limit)
{
        FileSenderConfig config = {
                .peers = w->cluster->peers,
                .worker = w->worker,
                .address = w->cluster->address,
                .fd = fd,
                .limit = limit,
                .done = on_done,
                .userdata = &w->sent,
        };

        assert_int_equal(file_sender_new(&config, &w->sender), 0);
}

static void end(World *w)
{
        file_sender_free(w->sender);
        worker_free(w->worker);
        w->cluster->peers = peers_free(w->cluster->peers);
        file_receiver_free(w->receiver);
}

/* What the receiver has of it, owned; NULL when it is not what was sent. */
static char *received(World *w, size_t *ret_length)
{
        _cleanup_close_ int fd = -1;
        char *data;

        if (file_receiver_take(w->receiver, "h1", file_sender_id(w->sender),
                               file_sender_size(w->sender), file_sender_digest(w->sender),
                               &fd) != 0)
                return NULL;
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(file_read_fd(fd, 64 * MIB, &data, ret_length), 0);
        return data;
}

/* Sizes at which pieces begin and end. */
static void files_arrive_as_they_are(void **state)
{
        static const size_t sizes[] = {0,
                                       1,
                                       FILE_PIECE_MAX - 1,
                                       FILE_PIECE_MAX,
                                       FILE_PIECE_MAX + 1,
                                       5 * FILE_PIECE_MAX + 77};
        World w = begin(state);

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                _cleanup_close_ int fd = memfd_create("file", MFD_CLOEXEC);
                _cleanup_free_ char *data = malloc(sizes[i] + 1), *came = NULL;
                size_t length;

                for (size_t k = 0; k < sizes[i]; k++)
                        data[k] = (char) (k * 7 + k / 1000);
                assert_int_equal(file_write_all(fd, data, sizes[i]), 0);
                w.sent = (Sent) {};
                begin_sending(&w, fd, 1 + sizes[i]);
                RUN_UNTIL(w.cluster->event, w.sent.done);
                assert_string_equal(w.sent.error, "");
                assert_int_equal(file_sender_size(w.sender), sizes[i]);
                came = received(&w, &length);
                assert_non_null(came);
                assert_int_equal(length, sizes[i]);
                assert_memory_equal(came, data, length);
                w.sender = file_sender_free(w.sender);
        }
        end(&w);
}

static void not_more_than_the_limit_is_sent(void **state)
{
        _cleanup_close_ int fd = memfd_create("file", MFD_CLOEXEC);
        _cleanup_free_ char *came = NULL;
        World w = begin(state);
        size_t length;

        assert_int_equal(file_write_all(fd, "0123456789", 10), 0);
        begin_sending(&w, fd, 4);
        RUN_UNTIL(w.cluster->event, w.sent.done);
        came = received(&w, &length);
        assert_int_equal(length, 4);
        assert_memory_equal(came, "0123", 4);
        end(&w);
}

/* Whoever reads a pipe must wait for its writer; the loop does not. */
static void a_pipe_is_read_to_its_end(void **state)
{
        _cleanup_free_ char *came = NULL;
        World w = begin(state);
        size_t length;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        begin_sending(&w, fds[0], 100);
        close(fds[0]);
        assert_int_equal(write(fds[1], "slow", 4), 4);
        assert_true(sd_event_run(w.cluster->event, 0) >= 0);
        assert_false(w.sent.done);
        assert_int_equal(write(fds[1], "ly", 2), 2);
        close(fds[1]);
        RUN_UNTIL(w.cluster->event, w.sent.done);
        came = received(&w, &length);
        assert_int_equal(length, 6);
        end(&w);
}

/* The receiver goes away in the middle, as when its host loses its power. */
static void a_receiver_that_is_lost_is_an_error(void **state)
{
        ClusterWorld *world = *state;
        World w = begin(state);
        Peers *others;
        int fds[2];

        assert_int_equal(peers_new(world->event, &world->identity, world->store, &others), 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        w.cluster =
                &(ClusterWorld) {.event = world->event, .peers = others, .address = world->address};
        begin_sending(&w, fds[0], 100);
        close(fds[0]);
        world->peers = peers_free(world->peers);
        assert_int_equal(write(fds[1], "late", 4), 4);
        close(fds[1]);
        RUN_UNTIL(world->event, w.sent.done);
        assert_string_equal(w.sent.error, "Unavailable");
        end(&w);
}

static void what_cannot_be_read_is_an_error(void **state)
{
        _cleanup_close_ int fd = open("/tmp", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
        World w = begin(state);

        begin_sending(&w, fd, 100);
        RUN_UNTIL(w.cluster->event, w.sent.done);
        assert_string_equal(w.sent.error, "Internal");
        end(&w);
}

/* Given up while a worker waits for a pipe: it goes when the worker lets go of it. */
static void a_sender_can_be_given_up_while_it_reads(void **state)
{
        World w = begin(state);
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        begin_sending(&w, fds[0], 100);
        w.sender = file_sender_free(w.sender);
        close(fds[0]);
        close(fds[1]);
        end(&w);
        assert_false(w.sent.done);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(files_arrive_as_they_are),
                CLUSTER_TEST(not_more_than_the_limit_is_sent),
                CLUSTER_TEST(a_pipe_is_read_to_its_end),
                CLUSTER_TEST(a_receiver_that_is_lost_is_an_error),
                CLUSTER_TEST(what_cannot_be_read_is_an_error),
                CLUSTER_TEST(a_sender_can_be_given_up_while_it_reads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
