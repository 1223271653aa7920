/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/file-receiver.h"

#include <openssl/sha.h>

#include "tests/unit/hostd/cluster-world.h"

#define ID    "0123456789abcdef0123456789abcdef"
#define OTHER "00000000000000000000000000000000"

static void on_answer(void *userdata, const HttpResult *result)
{
        assert_int_equal(result->error, 0);
        *(unsigned *) userdata = result->status;
}

/* The status that a piece is answered with. */
static unsigned send_piece(ClusterWorld *world, const char *query, const char *body, size_t length)
{
        _cleanup_free_ char *path = str_printf(FILE_RECEIVER_PATH "%s", query);
        unsigned status = 0;

        assert_int_equal(peers_post(world->peers, &world->address, path, body, length, on_answer,
                                    &status, NULL),
                         0);
        RUN_UNTIL(world->event, status > 0);
        return status;
}

static void digest_of(const char *text, char digest[static 65])
{
        uint8_t bytes[SHA256_DIGEST_LENGTH];

        SHA256((const uint8_t *) text, strlen(text), bytes);
        str_hex(bytes, sizeof(bytes), digest);
}

static FileReceiver *begin(ClusterWorld *world)
{
        FileReceiver *receiver;

        assert_int_equal(file_receiver_new(world->event, world->peers, world->dir, &receiver), 0);
        return receiver;
}

/* The server's handlers must not outlive what they are for. */
static void end(ClusterWorld *world, FileReceiver *receiver)
{
        world->peers = peers_free(world->peers);
        file_receiver_free(receiver);
}

static void pieces_become_a_file(void **state)
{
        ClusterWorld *world = *state;
        FileReceiver *receiver = begin(world);
        char digest[65], text[16] = "";
        int fd;

        digest_of("hello, you", digest);
        assert_int_equal(send_piece(world, ID "?at=0&limit=5000000", "hello, ", 7), 200);
        assert_int_equal(send_piece(world, ID "?at=7&limit=5000000", "you", 3), 200);
        assert_int_equal(file_receiver_take(receiver, "h2", ID, 10, digest, &fd),
                         FILE_RECEIVER_MISSING); /* it is another host's */
        assert_int_equal(file_receiver_take(receiver, "h1", ID, 10, digest, &fd), 0);
        assert_int_equal(pread(fd, text, sizeof(text), 0), 10);
        assert_string_equal(text, "hello, you");
        close(fd);
        assert_int_equal(file_receiver_take(receiver, "h1", ID, 10, digest, &fd),
                         FILE_RECEIVER_MISSING); /* it was taken */
        end(world, receiver);
}

static void what_differs_is_thrown_away(void **state)
{
        ClusterWorld *world = *state;
        FileReceiver *receiver = begin(world);
        char digest[65];
        int fd;

        digest_of("hello", digest);
        assert_int_equal(send_piece(world, ID "?at=0&limit=100", "hallo", 5), 200);
        assert_int_equal(file_receiver_take(receiver, "h1", ID, 5, digest, &fd),
                         FILE_RECEIVER_DIFFERS);
        assert_int_equal(send_piece(world, ID "?at=0&limit=100", "hell", 4), 200);
        assert_int_equal(file_receiver_take(receiver, "h1", ID, 5, digest, &fd),
                         FILE_RECEIVER_DIFFERS);
        assert_int_equal(file_receiver_take(receiver, "h1", ID, 4, digest, &fd),
                         FILE_RECEIVER_MISSING);
        end(world, receiver);
}

static void what_is_no_piece_is_refused(void **state)
{
        static const struct {
                const char *query;
                unsigned status;
        } wrong[] = {
                {"x?at=0&limit=9", 400},
                {ID "?limit=9", 400},
                {ID "?at=0", 400},
                {ID "?at=-1&limit=9", 400},
                {ID "?at=0&limit=99999999999", 400},
                {OTHER "?at=1&limit=9", 404},
                {ID "?at=0&limit=9", 409},
                {ID "?at=5&limit=9", 409},
                {ID "?at=4&limit=9", 413},
        };
        ClusterWorld *world = *state;
        FileReceiver *receiver = begin(world);

        assert_int_equal(send_piece(world, ID "?at=0&limit=9", "four", 4), 200);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_int_equal(send_piece(world, wrong[i].query, "sixsix", 6), wrong[i].status);
        assert_int_equal(send_piece(world, ID "?at=4&limit=9", "fives", 5), 200);
        end(world, receiver);
}

static void no_more_than_so_many_at_once(void **state)
{
        ClusterWorld *world = *state;
        FileReceiver *receiver = begin(world);
        char query[64];

        for (unsigned i = 0; i < FILES_MAX; i++) {
                snprintf(query, sizeof(query), "%032x?at=0&limit=9", i);
                assert_int_equal(send_piece(world, query, "", 0), 200);
        }
        assert_int_equal(send_piece(world, ID "?at=0&limit=9", "", 0), 503);
        end(world, receiver);
}

/* A large file has no name on the disk, so nothing is left whatever happens. */
static void nothing_is_left_on_the_disk(void **state)
{
        ClusterWorld *world = *state;
        FileReceiver *receiver = begin(world);
        _cleanup_free_ char *command = str_printf("test -z \"$(ls -A %s/files)\"", world->dir);
        _cleanup_free_ char *dir = str_printf("%s/files", world->dir);

        file_receiver_free(receiver);
        world->peers = peers_free(world->peers);
        assert_int_equal(mkdir(dir, 0700), 0);
        assert_int_equal(peers_new(world->event, &world->identity, world->store, &world->peers), 0);
        assert_int_equal(peers_serve(world->peers, &world->address), 0);
        assert_int_equal(file_receiver_new(world->event, world->peers, dir, &receiver), 0);
        assert_int_equal(send_piece(world, ID "?at=0&limit=5000000", "hello, ", 7), 200);
        assert_int_equal(system(command), 0);
        end(world, receiver);
        assert_int_equal(system(command), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                CLUSTER_TEST(pieces_become_a_file),
                CLUSTER_TEST(what_differs_is_thrown_away),
                CLUSTER_TEST(what_is_no_piece_is_refused),
                CLUSTER_TEST(no_more_than_so_many_at_once),
                CLUSTER_TEST(nothing_is_left_on_the_disk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
