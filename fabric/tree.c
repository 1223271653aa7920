/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The treap: a search tree by key and a heap by priority, so its expected depth is logarithmic
 * whatever the order of insertion. Source: Seidel, Aragon, "Randomized search trees", 1996. */

#include "fabric/tree.h"

#include <stdbool.h>

#include "lib/base/hash.h"

static uint64_t priority(const TreeNode *node, uint32_t index)
{
        return hash_mix(node->tie + index);
}

static bool before(const Tree *tree, uint32_t a, uint32_t b)
{
        const TreeNode *left = tree_node(tree, a), *right = tree_node(tree, b);

        if (left->key != right->key)
                return left->key < right->key;
        if (left->tie != right->tie)
                return left->tie < right->tie;
        return a < b;
}

/* Parts a subtree into what is before @index and what is not. */
static void split(Tree *tree, uint32_t at, uint32_t index, uint32_t *ret_left, uint32_t *ret_right)
{
        while (at != TREE_NONE) {
                TreeNode *node = tree_node(tree, at);

                if (before(tree, at, index)) {
                        *ret_left = at;
                        ret_left = &node->right;
                        at = node->right;
                } else {
                        *ret_right = at;
                        ret_right = &node->left;
                        at = node->left;
                }
        }
        *ret_left = TREE_NONE;
        *ret_right = TREE_NONE;
}

/* Joins two subtrees, all of @left before all of @right. */
static void join(Tree *tree, uint32_t left, uint32_t right, uint32_t *ret)
{
        while (left != TREE_NONE && right != TREE_NONE) {
                TreeNode *l = tree_node(tree, left), *r = tree_node(tree, right);

                if (priority(l, left) > priority(r, right)) {
                        *ret = left;
                        ret = &l->right;
                        left = l->right;
                } else {
                        *ret = right;
                        ret = &r->left;
                        right = r->left;
                }
        }
        *ret = left != TREE_NONE ? left : right;
}

void tree_insert(Tree *tree, uint32_t index)
{
        TreeNode *node = tree_node(tree, index);
        uint32_t *link = &tree->root;

        while (*link != TREE_NONE &&
               priority(tree_node(tree, *link), *link) > priority(node, index)) {
                TreeNode *at = tree_node(tree, *link);

                link = before(tree, index, *link) ? &at->left : &at->right;
        }
        split(tree, *link, index, &node->left, &node->right);
        *link = index;
}

void tree_remove(Tree *tree, uint32_t index)
{
        TreeNode *node = tree_node(tree, index);
        uint32_t *link = &tree->root;

        while (*link != index) {
                TreeNode *at;

                assert(*link != TREE_NONE);
                at = tree_node(tree, *link);
                link = before(tree, index, *link) ? &at->left : &at->right;
        }
        join(tree, node->left, node->right, link);
}

uint32_t tree_from(const Tree *tree, uint64_t key)
{
        uint32_t found = TREE_NONE;

        for (uint32_t at = tree->root; at != TREE_NONE;) {
                const TreeNode *node = tree_node(tree, at);

                if (node->key >= key) {
                        found = at;
                        at = node->left;
                } else {
                        at = node->right;
                }
        }
        return found;
}

uint32_t tree_next(const Tree *tree, uint32_t index)
{
        uint32_t found = TREE_NONE;

        for (uint32_t at = tree->root; at != TREE_NONE;) {
                const TreeNode *node = tree_node(tree, at);

                if (before(tree, index, at)) {
                        found = at;
                        at = node->left;
                } else {
                        at = node->right;
                }
        }
        return found;
}
