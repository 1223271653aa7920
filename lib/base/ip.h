/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* IP addresses as values of either family, and arithmetic on them. */

#include <stdbool.h>

#include "lib/base/macros.h"

#define IP_TEXT_MAX 46 /* with the NUL: INET6_ADDRSTRLEN */

/* All zeroes is "no address". */
typedef struct IpAddress {
        uint8_t family;    /* 4, 6, or 0 for none */
        uint8_t bytes[16]; /* network order; the first four for IPv4, the rest zero */
} IpAddress;

/* Bits of an address of this family. */
static inline unsigned ip_bits(const IpAddress *address)
{
        return address->family == 4 ? 32 : 128;
}

/**
 * ip_parse() - Read an address
 * @text:        `192.0.2.1` or `2001:db8::1`
 * @ret_address: address
 *
 * Return: 0; -EINVAL.
 */
int ip_parse(const char *text, IpAddress *ret_address);

/**
 * ip_parse_range() - Read an address with a prefix length
 * @text:        `10.64.0.0/10`; without a length it is one address
 * @ret_address: address, with its host bits as they were given
 * @ret_prefix:  prefix length
 *
 * Return: 0; -EINVAL.
 */
int ip_parse_range(const char *text, IpAddress *ret_address, unsigned *ret_prefix);

/**
 * ip_format() - Write an address as text
 * @address: address; none gives ""
 * @text:    room for IP_TEXT_MAX bytes
 *
 * Return: @text.
 */
const char *ip_format(const IpAddress *address, char text[static IP_TEXT_MAX]);

/** ip_compare() - Order of addresses: by family, then by value; 0 when equal */
int ip_compare(const IpAddress *a, const IpAddress *b) _pure_;

/**
 * ip_add() - Go on by a number of addresses
 * @address:     address
 * @count:       how many
 * @ret_address: result
 *
 * Return: 0; -ERANGE past the last address of the family.
 */
int ip_add(const IpAddress *address, uint64_t count, IpAddress *ret_address);

/** ip_network() - The address with all bits behind the prefix cleared */
IpAddress ip_network(const IpAddress *address, unsigned prefix);

/** ip_in_network() - Whether an address lies in a network of the same family */
bool ip_in_network(const IpAddress *address, const IpAddress *network, unsigned prefix);
