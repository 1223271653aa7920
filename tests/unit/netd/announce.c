/* SPDX-License-Identifier: GPL-3.0-or-later */

/* In a network namespace of its own, with a listening socket on the loopback as the neighbour. */

#include "netd/announce.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/unit/netd/example.h"

static void loopback_up(void)
{
        struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
        close(fd);
}

static void a_taken_vip_is_told_at_once_and_again(void **unused)
{
        struct timeval patience = {.tv_sec = 2};
        Announcer *announcer;
        struct ether_arp arp;
        sd_event *event;
        IpAddress vip;
        int fd;

        example_namespace();
        loopback_up();
        fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETHERTYPE_ARP));
        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        assert_int_equal(ip_parse("198.18.0.9", &vip), 0);
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(announcer_new(event, &announcer), 0);
        assert_int_equal(announcer_add(announcer, &vip, "lo"), 0);
        assert_int_equal(recv(fd, &arp, sizeof(arp), 0), sizeof(arp));
        assert_memory_equal(arp.arp_spa, vip.bytes, 4);
        assert_memory_equal(arp.arp_tpa, vip.bytes, 4);
        while (recv(fd, &arp, sizeof(arp), MSG_DONTWAIT) > 0)
                ;
        assert_true(sd_event_run(event, 2000000) > 0); /* the second of the burst */
        assert_int_equal(recv(fd, &arp, sizeof(arp), 0), sizeof(arp));
        announcer_remove(announcer, &vip);
        announcer_free(announcer);
        sd_event_unref(event);
        close(fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_taken_vip_is_told_at_once_and_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
