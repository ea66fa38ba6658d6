/* item -- what a definitions file says, one thing after the other, on its way into the broker.
 *
 * Behind the line "definitions import" come items: u32 length, then the item; length 0 ends them.
 * Little-endian.
 *   u8 1, fact (core/fact.h; its number is not looked at)
 *   u8 2, str8 virtual host, declare_queue     (core/catalog.h; the number of the virtual host
 *   u8 3, str8 virtual host, declare_exchange   in it, its first two bytes, is filled in by the
 *   u8 4, str8 virtual host, bind               broker)
 *   u8 5, fact, which is to be forgotten with all that hangs on it
 */
#ifndef SESSION_MANAGE_ITEM_H
#define SESSION_MANAGE_ITEM_H
enum item { ITEM_FACT = 1, ITEM_QUEUE, ITEM_EXCHANGE, ITEM_BINDING, ITEM_FORGET };
#define ITEM_BYTES_MAX 65536u
#endif
