/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/vm-names.h"

#include <string.h>

#include "tests/unit/test.h"

static const VmDirs dirs = {.intents = "/i", .ephemeral = "/e", .sockets = "/s"};

static void a_name_tells_whose_it_is(void **state)
{
        InstanceId id = {.deployment = "d0a1b2c3d", .role = "my-web_IN_role", .number = 12}, back;
        char name[VM_NAME_MAX + 1];
        uint64_t incarnation;

        vm_name_format(&id, 34, name);
        assert_string_equal(name, "troupe-d0a1b2c3d-my-web_IN_role_IN_12-34");
        assert_int_equal(vm_name_parse(name, &back, &incarnation), 0);
        assert_true(instance_id_equal(&id, &back));
        assert_int_equal(incarnation, 34);
}

static void other_names_are_nobodys(void **state)
{
        static const char *const names[] = {"",
                                            "troupe-",
                                            "troupe-d0a1b2c3d",
                                            "troupe-d0a1b2c3d-web_IN_0",
                                            "troupe-d0a1b2c3d-web_IN_0-",
                                            "troupe-d0a1b2c3d-web_IN_0-x",
                                            "troupe-d0a1b2c3d-web-1",
                                            "other-d0a1b2c3d-web_IN_0-1"};
        uint64_t incarnation;
        InstanceId id;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_int_equal(vm_name_parse(names[i], &id, &incarnation), -EINVAL);
}

static void short_names_stay_short(void **state)
{
        InstanceId id = {.deployment = "d0a1b2c3d", .number = 999};
        char name[VM_NAME_MAX + 1], tag[VM_TAG_MAX + 1], other[VM_TAG_MAX + 1];
        VmNames names;

        memset(id.role, 'r', RECORD_NAME_MAX);
        vm_name_format(&id, UINT64_MAX, name);
        vm_tag_make(name, 0, tag);
        vm_tag_make(name, 1, other);
        assert_string_not_equal(tag, other);
        assert_int_equal(vm_names_init(&names, &dirs, name, tag), 0);
        assert_int_equal(strlen(names.tap), 10);
        assert_true(strlen(names.agent_socket) < 40);
        assert_int_equal(strlen(names.mac), 17);
        vm_names_deinit(&names);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_tells_whose_it_is),
                cmocka_unit_test(other_names_are_nobodys),
                cmocka_unit_test(short_names_stay_short),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
