/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/guest-network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>
#include <net/if.h>

#include "lib/base/file.h"
#include "tests/unit/test.h"

/* A network namespace of our own with one Ethernet device, a tap. */
static int setup(void **state)
{
        struct ifreq request = {.ifr_name = "eth0", .ifr_flags = IFF_TAP | IFF_NO_PI};
        int fd;

        if (unshare(CLONE_NEWNET) < 0)
                return -1;
        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        return fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : -1;
}

static bool has_address(const char *wanted)
{
        struct ifaddrs *all = NULL;
        bool found = false;

        assert_int_equal(getifaddrs(&all), 0);
        for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
                const struct sockaddr_in *in = (const struct sockaddr_in *) a->ifa_addr;
                char text[INET_ADDRSTRLEN];

                if (in && in->sin_family == AF_INET &&
                    inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)))
                        found |= strcmp(text, wanted) == 0;
        }
        freeifaddrs(all);
        return found;
}

static void address_route_and_mtu(void **state)
{
        AgentNetwork network = {
                .address = "10.64.1.4", .prefix = 24, .gateway = "10.64.1.1", .mtu = 1400};
        const char *what = NULL;
        char *routes;

        /* a second time changes nothing */
        for (unsigned i = 0; i < 2; i++)
                if (guest_network_apply(&network, &what) != 0)
                        fail_msg("%s", what);
        assert_true(has_address("10.64.1.4"));
        assert_int_equal(file_read(AT_FDCWD, "/proc/thread-self/net/route", 10000, &routes, NULL),
                         0);
        /* destination 0, gateway 10.64.1.1 in the byte order of /proc */
        assert_non_null(strstr(routes, "eth0\t00000000\t0101400A"));
        free(routes);
}

static void nonsense_is_refused(void **state)
{
        AgentNetwork network = {.address = "10.64.1.400", .prefix = 24};
        const char *what = NULL;

        assert_int_equal(guest_network_apply(&network, &what), -EINVAL);
        network = (AgentNetwork) {.address = "10.64.1.4", .prefix = 33};
        assert_int_equal(guest_network_apply(&network, &what), -EINVAL);
        network = (AgentNetwork) {.address = "10.64.1.4", .prefix = 24, .gateway = "fe80::1"};
        assert_int_equal(guest_network_apply(&network, &what), -EINVAL);
        network = (AgentNetwork) {.address = "10.64.1.4", .prefix = 24, .mac = "02:00:00:00:00:01"};
        assert_int_equal(guest_network_apply(&network, &what), -ENODEV);
        network.mac = "02:00:00:00:00:zz";
        assert_int_equal(guest_network_apply(&network, &what), -EINVAL);
        assert_string_equal(what, "finding the network device");
}

static void resolvers(void **state)
{
        char *dns[] = {"192.0.2.1", "192.0.2.2"}, *text = NULL;
        AgentNetwork network = {.dns = dns, .n_dns = 2};

        assert_int_equal(guest_network_resolv_conf(&network, &text), 0);
        assert_non_null(strstr(text, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"));
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nonsense_is_refused),
                cmocka_unit_test(address_route_and_mtu),
                cmocka_unit_test(resolvers),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
