/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "lib/api/members-json.h"

#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

typedef struct Wheel {
        char *name;
        uint64_t size;
} Wheel;

typedef struct Cart {
        char *note;
        bool red;
        Wheel *wheels;
        size_t n_wheels;
        char **owners;
        size_t n_owners;
} Cart;

static const Member wheel_members[] = {
        {.kind = MEMBER_TEXT, .name = "name", .offset = offsetof(Wheel, name), .max = 8},
        {.kind = MEMBER_NUMBER, .name = "size", .offset = offsetof(Wheel, size), .max = 99},
        {},
};

static const Member cart_members[] = {
        {.kind = MEMBER_LINES,
         .optional = true,
         .name = "cart.note",
         .offset = offsetof(Cart, note),
         .max = 16},
        {.kind = MEMBER_BOOL, .name = "red", .offset = offsetof(Cart, red)},
        {.kind = MEMBER_LIST,
         .name = "wheels",
         .offset = offsetof(Cart, wheels),
         .count_offset = offsetof(Cart, n_wheels),
         .max = 4,
         .members = wheel_members,
         .size = sizeof(Wheel)},
        {.kind = MEMBER_TEXTS,
         .optional = true,
         .name = "owners",
         .offset = offsetof(Cart, owners),
         .count_offset = offsetof(Cart, n_owners),
         .max = 8},
        {},
};

static int decode(const char *json, Cart *cart, const char **problem)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        int r = sd_json_parse(json, 0, &value, NULL, NULL);

        *cart = (Cart) {};
        return r < 0 ? r : members_decode(cart_members, value, cart, problem);
}

#define CART                                                                                       \
        "{\"note\":\"a\\nb\",\"red\":true,\"wheels\":[{\"name\":\"left\",\"size\":7}],\"owners\":" \
        "["                                                                                        \
        "\"Eve\"]}"

/* The name on the wire of "cart.note" is "note". */
static void what_is_written_is_what_was_read(void **state)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;
        _cleanup_free_ char *text = NULL;
        const char *problem = NULL;
        Cart cart;

        assert_int_equal(decode(CART, &cart, &problem), 0);
        assert_int_equal(cart.wheels[0].size, 7);
        assert_string_equal(cart.owners[0], "Eve");
        assert_int_equal(members_encode(cart_members, &cart, NULL, &value), 0);
        assert_true(sd_json_variant_format(value, 0, &text) > 0);
        assert_string_equal(text, CART);
        members_free(cart_members, &cart);
}

static void what_is_wrong_is_named(void **state)
{
        static const struct {
                const char *json, *problem;
        } wrong[] = {
                {"{\"wheels\":[]}", "red"},
                {"{\"red\":1,\"wheels\":[]}", "red"},
                {"{\"red\":true,\"wheels\":{}}", "wheels"},
                {"{\"red\":true,\"wheels\":[{\"name\":\"left\",\"size\":100}]}", "size"},
                {"{\"red\":true,\"wheels\":[{\"name\":\"far too long\",\"size\":1}]}", "name"},
                {"{\"red\":true,\"wheels\":[{\"name\":\"a\\nb\",\"size\":1}]}", "name"},
                {"{\"note\":\"\\u0001\",\"red\":true,\"wheels\":[]}", "cart.note"},
                {"{\"red\":true,\"wheels\":[],\"owners\":[1]}", "owners"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                const char *problem = NULL;
                Cart cart;

                assert_int_equal(decode(wrong[i].json, &cart, &problem), MEMBERS_REFUSED);
                assert_string_equal(problem, wrong[i].problem);
                members_free(cart_members, &cart);
        }
}

static int decode_once(sd_json_variant *value)
{
        const char *problem = NULL;
        Cart cart = {};
        int r = members_decode(cart_members, value, &cart, &problem);

        members_free(cart_members, &cart);
        return r;
}

/* Whatever was read until memory was short is freed. */
static void half_a_struct_can_be_freed(void **state)
{
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *value = NULL;

        assert_true(sd_json_parse(CART, 0, &value, NULL, NULL) >= 0);
        FAILING_EACH(decode_once(value));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_written_is_what_was_read),
                cmocka_unit_test(what_is_wrong_is_named),
                cmocka_unit_test(half_a_struct_can_be_freed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
