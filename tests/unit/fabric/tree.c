/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "fabric/tree.h"

#include "lib/base/hash.h"
#include "tests/unit/test.h"

#define N 2000

typedef struct Element {
        char before[3];
        TreeNode node;
} Element;

static Element elements[N];

static Tree make(void)
{
        Tree tree = {(char *) &elements[0].node, sizeof(Element), TREE_NONE};
        uint64_t seed = 7;

        for (uint32_t i = 0; i < N; i++) {
                elements[i].node =
                        (TreeNode) {.key = random_below(&seed, 50), .tie = random_below(&seed, 10)};
                tree_insert(&tree, i);
        }
        return tree;
}

static void walks_in_order(void **state)
{
        Tree tree = make();
        unsigned n = 1;
        uint32_t last = tree_from(&tree, 0);

        for (uint32_t i = tree_next(&tree, last); i != TREE_NONE; i = tree_next(&tree, i)) {
                const TreeNode *a = tree_node(&tree, last), *b = tree_node(&tree, i);

                assert_true(a->key < b->key || (a->key == b->key && a->tie < b->tie) ||
                            (a->key == b->key && a->tie == b->tie && last < i));
                last = i;
                n++;
        }
        assert_int_equal(n, N);
}

static unsigned depth(const Tree *tree, uint32_t at)
{
        const TreeNode *node;
        unsigned left, right;

        if (at == TREE_NONE)
                return 0;
        node = tree_node(tree, at);
        left = depth(tree, node->left);
        right = depth(tree, node->right);
        return 1 + MAX(left, right);
}

static void stays_shallow_also_for_sorted_input(void **state)
{
        Tree tree = {(char *) &elements[0].node, sizeof(Element), TREE_NONE};

        for (uint32_t i = 0; i < N; i++) {
                elements[i].node = (TreeNode) {.key = i, .tie = i};
                tree_insert(&tree, i);
        }
        assert_true(depth(&tree, tree.root) < 40);
}

static void finds_from_a_key_and_removes(void **state)
{
        Tree tree = make();

        for (uint64_t key = 0; key < 60; key++) {
                uint32_t found = tree_from(&tree, key), expected = TREE_NONE;

                for (uint32_t i = 0; i < N; i++)
                        if (elements[i].node.key >= key &&
                            (expected == TREE_NONE ||
                             elements[i].node.key < elements[expected].node.key ||
                             (elements[i].node.key == elements[expected].node.key &&
                              elements[i].node.tie < elements[expected].node.tie)))
                                expected = i;
                assert_int_equal(found, expected);
        }
        for (uint32_t i = 0; i < N; i += 2)
                tree_remove(&tree, i);
        for (uint32_t i = tree_from(&tree, 0), n = 0;; i = tree_next(&tree, i), n++) {
                if (i == TREE_NONE) {
                        assert_int_equal(n, N / 2);
                        break;
                }
                assert_int_equal(i % 2, 1);
        }
        for (uint32_t i = 1; i < N; i += 2)
                tree_remove(&tree, i);
        assert_int_equal(tree.root, TREE_NONE);
        assert_int_equal(tree_from(&tree, 0), TREE_NONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(walks_in_order),
                cmocka_unit_test(stays_shallow_also_for_sorted_input),
                cmocka_unit_test(finds_from_a_key_and_removes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
