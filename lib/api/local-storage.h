/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Where each LocalStorage of a role lies on the role's one volume of local storage. hostd makes the
 * volume as large as all pieces need, the agent divides it: both by this.
 *
 *   | 1 MiB | piece of the first resource | piece of the second | ...
 *
 * The division is in no table on the volume: the order and sizes of the resources are the
 * package's, and an instance has one package. */

#include <stddef.h>
#include <stdint.h>

/* Nothing is written before it: who looks there for a partition table finds none. */
#define LOCAL_STORAGE_FIRST_BYTES (UINT64_C(1) << 20)

/**
 * local_storage_piece() - How much of the volume one resource gets
 * @size_mb: as the definition says
 *
 * A filesystem keeps a part for itself: with what is added for that, at least @size_mb can be
 * written.
 *
 * Return: bytes, a multiple of 1 MiB.
 */
uint64_t local_storage_piece(uint64_t size_mb);
