/* Random commands of those who read the stream: mostly of a name that is there, with cursors around
 * the newest update. */
#include "picks.h"

static struct ordo_bytes any_name(struct history *h)
{
    return pick_wrong(h) ? pick_bytes_of("") : history_text(h, "s", history_below(h, 5));
}

/* One that is there, when one is found quickly. */
static struct ordo_bytes a_name(struct history *h, const struct oracle *o, struct ordo_command *c)
{
    const struct o_subscriber *at = &o->subscribers[history_below(h, O_SUBSCRIBERS_MAX / 2)];
    if (at->name[0] == 0 || history_chance(h, 6)) {
        return any_name(h);
    }
    c->shop = at->shop;
    return pick_bytes_of(at->name);
}

static uint64_t about_head(struct history *h, const struct oracle *o)
{
    uint32_t head = (uint32_t)o->updates;
    if (pick_rarely(h)) {
        return UINT64_MAX;
    }
    return history_chance(h, 6) ? head + history_below(h, 3) : history_below(h, head + 1);
}

static uint32_t a_shop(struct history *h)
{
    return history_chance(h, 4) ? UINT32_MAX : history_below(h, 2);
}

void history_make_reader(struct history *h, struct oracle *o, struct ordo_command *c)
{
    switch (c->kind) {
    case ORDO_KIND_SUBSCRIBER_PUT:
        c->subscriber_put.subscriber = any_name(h);
        c->subscriber_put.acked = about_head(h, o);
        c->subscriber_put.reset = history_chance(h, 16) ? 1 : 0;
        break;
    case ORDO_KIND_SUBSCRIBER_ACK:
        c->subscriber_ack.subscriber = a_name(h, o, c);
        c->subscriber_ack.acked = about_head(h, o);
        break;
    case ORDO_KIND_PARK:
        c->park.subscriber = a_name(h, o, c);
        c->park.order_shop = a_shop(h);
        c->park.order_id = pick_wrong(h) ? pick_bytes_of("") : pick_any_order_id(h);
        c->park.first_update = about_head(h, o);
        c->park.reason = pick_reason(h);
        break;
    case ORDO_KIND_UNPARK:
        c->unpark.subscriber = a_name(h, o, c);
        c->unpark.order_shop = a_shop(h);
        c->unpark.order_id = pick_any_order_id(h);
        if (o->park_count != 0 && history_chance(h, 48)) {
            const struct o_park *park = &o->parks[history_below(h, o->park_count)];
            c->shop = park->of->shop;
            c->unpark.subscriber = pick_bytes_of(park->of->name);
            c->unpark.order_shop = park->order_shop;
            c->unpark.order_id = pick_bytes_of(park->order_id);
        }
        break;
    default:
        ORDO_ASSERT(c->kind == ORDO_KIND_SUBSCRIBER_DROP);
        c->subscriber_drop.subscriber = a_name(h, o, c);
        c->subscriber_drop.operator_name = pick_operator_name(h);
        c->subscriber_drop.reason = pick_reason(h);
    }
}
