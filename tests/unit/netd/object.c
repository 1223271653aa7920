/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/object.h"

#include "tests/unit/netd/example.h"

static void refused(ObjectKind kind, const void *wanted, const char *text)
{
        Object *object = NULL;
        StateError error = {};

        assert_int_equal(object_make(kind, wanted, &object, &error), STATE_REFUSED);
        assert_null(object);
        assert_non_null(strstr(error.text, text));
        assert_non_null(strstr(error.name, "org.troupe.Error."));
}

static void every_hostile_value_is_refused_by_name(void **state)
{
        const Net1Network n = {"d", "tb0", 1, "10.64.0.1/24", 1450};
        const Net1Instance i = {"i", "d", "web", "tv0", "02:00:00:00:00:02", "10.64.0.2", 0};
        const Net1Vip v = {"198.18.0.1", "", true, 0};
        Net1Network network;
        Net1Instance instance;
        Net1Vip vip;

        refused(OBJECT_NETWORK, &(Net1Network) {"a b", "tb0", 1, "10.0.0.1/24", 1450}, "id");
        refused(OBJECT_NETWORK, &(Net1Network) {"", "tb0", 1, "10.0.0.1/24", 1450}, "id");
        for (size_t k = 0; k < 4; k++) {
                network = n;
                network.bridge =
                        (const char *[]) {"eth0", "tb", "tb/../x", "tb3456789012345678"}[k];
                refused(OBJECT_NETWORK, &network, "bridge");
        }
        network = n, network.vni = 0x1000000;
        refused(OBJECT_NETWORK, &network, "vni");
        network = n, network.mtu_bytes = 68;
        refused(OBJECT_NETWORK, &network, "mtu");
        for (size_t k = 0; k < 4; k++) {
                network = n;
                network.gateway =
                        (const char *[]) {"10.0.0.1/31", "10.0.0/24", "::1/64", "0.0.0.0/0"}[k];
                refused(OBJECT_NETWORK, &network, "gateway");
        }
        for (size_t k = 0; k < 4; k++) {
                instance = i;
                instance.mac = (const char *[]) {"03:00:00:00:00:02", "00:00:00:00:00:00",
                                                 "02:0:0:0:0:2", "02:00:00:00:00:0g"}[k];
                refused(OBJECT_INSTANCE, &instance, "mac");
        }
        instance = i, instance.tap = "tb0";
        refused(OBJECT_INSTANCE, &instance, "tap");
        instance = i, instance.address = "10.64.0.2/24";
        refused(OBJECT_INSTANCE, &instance, "address");
        for (size_t k = 0; k < 4; k++) {
                vip = v;
                vip.address = (const char *[]) {"127.0.0.1", "224.0.0.1", "0.1.2.3",
                                                "255.255.255.255"}[k];
                refused(OBJECT_VIP, &vip, "address");
        }
        vip = v, vip.uplink = "../x";
        refused(OBJECT_VIP, &vip, "uplink");
}

static void endpoints_are_checked_in_depth(void **state)
{
        Net1Backend backends[] = {{"i", 80, true}, {"i", 80, true}};
        Net1Rule bad_rule = {true, "10.0.0.0/33"};
        const Net1Endpoint good = {.id = "e",
                                   .vip = "198.18.0.1",
                                   .protocol = NET1_TCP,
                                   .port = 80,
                                   .probe = {NET1_PROBE_HTTP, 0, "/", 1000, 1000},
                                   .backends = backends,
                                   .n_backends = 1};
        Net1Endpoint e;
        Object *object = NULL;
        StateError error;

        assert_int_equal(object_make(OBJECT_ENDPOINT, &good, &object, &error), 0);
        object_free(object);
        e = good, e.protocol = 1;
        refused(OBJECT_ENDPOINT, &e, "protocol");
        e = good, e.port = 0;
        refused(OBJECT_ENDPOINT, &e, "port");
        e = good, e.balancing = 2;
        refused(OBJECT_ENDPOINT, &e, "balancing");
        e = good, e.probe.path = "/ HTTP/1.0\r\nX: y";
        refused(OBJECT_ENDPOINT, &e, "path");
        e = good, e.probe.interval_ms = 1;
        refused(OBJECT_ENDPOINT, &e, "interval_ms");
        e = good, e.n_backends = 2;
        refused(OBJECT_ENDPOINT, &e, "twice");
        e = good, e.acl = &bad_rule, e.n_acl = 1;
        refused(OBJECT_ENDPOINT, &e, "acl rule 1");
}

static void equal_means_every_field(void **state)
{
        Net1Backend backend = {"i", 80, true};
        Net1Endpoint w = {.id = "e",
                          .vip = "198.18.0.1",
                          .protocol = NET1_TCP,
                          .port = 80,
                          .probe.path = "",
                          .backends = &backend,
                          .n_backends = 1};
        Object *a = NULL, *b = NULL;
        StateError error;

        assert_int_equal(object_make(OBJECT_ENDPOINT, &w, &a, &error), 0);
        assert_int_equal(object_make(OBJECT_ENDPOINT, &w, &b, &error), 0);
        assert_true(object_equal(a, b));
        object_free(b);
        backend.ready = false;
        assert_int_equal(object_make(OBJECT_ENDPOINT, &w, &b, &error), 0);
        assert_false(object_equal(a, b));
        object_free(a);
        object_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_hostile_value_is_refused_by_name),
                cmocka_unit_test(endpoints_are_checked_in_depth),
                cmocka_unit_test(equal_means_every_field),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
