/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* An ordered tree over the elements of an array, by index: a treap whose priorities are a hash of
 * the ties, so that the same elements always give the same tree. The array may move between calls.
 */

#include "lib/base/macros.h"

#define TREE_NONE UINT32_MAX

/* Ordered by @key, then @tie, then index. */
typedef struct TreeNode {
        uint64_t key;
        uint64_t tie; /* a hash of the element's name, say */
        uint32_t left, right;
} TreeNode;

/* Where the TreeNode of an element is: elements are structs that contain it. */
typedef struct Tree {
        char *first;   /* the node of element 0 */
        size_t stride; /* from one element's node to the next's */
        uint32_t root; /* TREE_NONE when empty */
} Tree;

/** tree_node() - The node of an element */
static inline TreeNode *tree_node(const Tree *tree, uint32_t index)
{
        return (TreeNode *) (tree->first + index * tree->stride);
}

/**
 * tree_insert() - Add an element whose key and tie are set
 * @tree:  tree
 * @index: element, not in the tree
 */
void tree_insert(Tree *tree, uint32_t index);

/**
 * tree_remove() - Take an element out; its key and tie are as when it was added
 * @tree:  tree
 * @index: element, in the tree
 */
void tree_remove(Tree *tree, uint32_t index);

/** tree_from() - First element with a key of @key or more; TREE_NONE when there is none */
uint32_t tree_from(const Tree *tree, uint64_t key) _pure_;

/** tree_next() - The element behind @index, which is in the tree; TREE_NONE at the end */
uint32_t tree_next(const Tree *tree, uint32_t index) _pure_;
