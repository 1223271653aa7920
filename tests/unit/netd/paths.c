/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Two ends of a cable in a network namespace of its own, each with the MAC of a host. */

#include "netd/paths.h"

#include <arpa/inet.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/unit/loop.h"
#include "tests/unit/netd/example.h"

typedef struct Seen {
        unsigned times;
        bool directly, refuse;
} Seen;

static sd_event *event;

static bool on_found(void *userdata, const LinkPeer *peer, bool directly)
{
        Seen *seen = userdata;

        seen->times++;
        seen->directly = directly;
        return !seen->refuse;
}

static LinkPeer host(const char *address)
{
        LinkPeer peer = {.number = 7};

        assert_int_equal(ip_parse(address, &peer.address), 0);
        return peer;
}

static void begin(void)
{
        example_namespace();
        assert_int_equal(system("ip link add pa0 type veth peer name pb0 && "
                                "ip link set pa0 address 02:55:c6:12:00:01 up && "
                                "ip link set pb0 address 02:55:c6:12:00:02 up && "
                                /* what is sent before a link is up in earnest is dropped */
                                "until ip link show pa0 up | grep -q 'state UP' && "
                                "ip link show pb0 up | grep -q 'state UP'; do :; done"),
                         0);
        assert_true(sd_event_new(&event) >= 0);
}

static void who_answers_is_reached_directly(void **unused)
{
        const LinkPeer a = host("198.18.0.1"), b = host("198.18.0.2");
        Seen at_a = {}, at_b = {};
        uint64_t begun_ns;
        Paths *one, *two;

        begin();
        begun_ns = clock_boottime_ns();
        assert_int_equal(paths_new(event, on_found, &at_a, &one), 0);
        assert_int_equal(paths_new(event, on_found, &at_b, &two), 0);
        assert_int_equal(paths_use(one, "pa0"), 0);
        assert_int_equal(paths_add(one, &b), 0);
        assert_int_equal(paths_add(one, &b), 0);
        run_loop_for(event, 50);
        assert_int_equal(at_a.times, 0); /* nobody is there yet */
        assert_int_equal(paths_add(two, &a), 0);
        assert_int_equal(paths_use(two, "pb0"), 0);
        /* the one that has begun asks, and is asked: nobody waits for the next turn */
        RUN_UNTIL(event, at_a.times == 1 && at_b.times == 1);
        assert_true(clock_boottime_ns() - begun_ns < PATHS_ASK_NS);
        assert_true(at_a.directly && at_b.directly);
        assert_int_equal(paths_use(two, "pb0"), 0);
        run_loop_for(event, 50);
        assert_int_equal(at_a.times, 1);
        /* the device is made anew: what led over the old one is gone, and is told again */
        assert_int_equal(paths_use(one, ""), 0);
        assert_int_equal(paths_use(one, "pa0"), 0);
        RUN_UNTIL(event, at_a.times == 2);
        assert_true(at_a.directly);
        paths_remove(one, &b);
        paths_free(one);
        paths_free(two);
        sd_event_unref(event);
}

static void what_was_not_carried_out_is_told_again(void **unused)
{
        const LinkPeer a = host("198.18.0.1"), b = host("198.18.0.2");
        Seen at_a = {.refuse = true}, at_b = {};
        Paths *one, *two;

        begin();
        assert_int_equal(paths_new(event, on_found, &at_a, &one), 0);
        assert_int_equal(paths_new(event, on_found, &at_b, &two), 0);
        assert_int_equal(paths_use(two, "pb0"), 0);
        assert_int_equal(paths_add(two, &a), 0);
        assert_int_equal(paths_use(one, "pa0"), 0);
        assert_int_equal(paths_add(one, &b), 0);
        RUN_UNTIL(event, at_a.times == 1);
        at_a.refuse = false;
        RUN_UNTIL(event, at_a.times == 2);
        run_loop_for(event, PATHS_ASK_NS / NSEC_PER_MSEC + 500);
        assert_int_equal(at_a.times, 2);
        paths_free(one);
        paths_free(two);
        sd_event_unref(event);
}

/* Sends from b what is no host's answer, in all the ways there are. */
static void send_from_b(const void *data, size_t length, const char *to)
{
        int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_ll address = {
                .sll_family = AF_PACKET,
                .sll_protocol = htons(PATHS_ETHERTYPE),
                .sll_ifindex = (int) if_nametoindex("pb0"),
                .sll_halen = 6,
        };

        memcpy(address.sll_addr, to, 6);
        assert_int_equal(sendto(fd, data, length, 0, (struct sockaddr *) &address, sizeof(address)),
                         length);
        close(fd);
}

static void nobody_else_is_believed_or_answered(void **unused)
{
        const char mac[] = "\x02\x55\xc6\x12\x00\x01";
        const LinkPeer b = host("198.18.0.2"), c = host("198.18.0.3");
        const uint32_t answer[4] = {htonl(0x54525031), htonl(2), 0, 0};
        const uint32_t asks[4] = {htonl(0x54525031), htonl(1), 0, 0};
        struct timeval patience = {.tv_usec = 200000};
        Seen seen = {};
        char frame[64];
        Paths *paths;
        int fd;

        begin();
        assert_int_equal(paths_new(event, on_found, &seen, &paths), 0);
        assert_int_equal(paths_use(paths, "pa0"), 0);
        assert_int_equal(paths_add(paths, &b), 0);
        send_from_b(answer, sizeof(answer), mac); /* to a question that was not asked */
        send_from_b(answer, 15, mac);
        send_from_b("", 0, mac);
        send_from_b(answer, sizeof(answer), "\xff\xff\xff\xff\xff\xff");
        run_loop_for(event, 100);
        assert_int_equal(seen.times, 0);
        /* of a host that is not declared */
        paths_remove(paths, &b);
        assert_int_equal(paths_add(paths, &c), 0);
        fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd,
                              (struct sockaddr *) &(struct sockaddr_ll) {
                                      .sll_family = AF_PACKET,
                                      .sll_protocol = htons(PATHS_ETHERTYPE),
                                      .sll_ifindex = (int) if_nametoindex("pb0"),
                              },
                              sizeof(struct sockaddr_ll)),
                         0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        run_loop_for(event, 50);
        while (recv(fd, frame, sizeof(frame), MSG_DONTWAIT) >= 0)
                ;
        send_from_b(asks, sizeof(asks), mac);
        run_loop_for(event, 100);
        assert_int_equal(recv(fd, frame, sizeof(frame), 0), -1);
        close(fd);
        paths_free(paths);
        sd_event_unref(event);
}

static void who_does_not_answer_is_not(void **unused)
{
        const LinkPeer b = host("198.18.0.2");
        Seen seen = {};
        Paths *paths;

        begin();
        assert_int_equal(paths_new(event, on_found, &seen, &paths), 0);
        assert_int_equal(paths_add(paths, &b), 0);
        assert_int_equal(paths_use(paths, "nothing"), 0); /* no device: nobody answers */
        RUN_UNTIL(event, seen.times == 1);
        assert_false(seen.directly);
        paths_free(paths);
        sd_event_unref(event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_answers_is_reached_directly),
                cmocka_unit_test(what_was_not_carried_out_is_told_again),
                cmocka_unit_test(nobody_else_is_believed_or_answered),
                cmocka_unit_test(who_does_not_answer_is_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
