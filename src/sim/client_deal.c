/* Transactions of simulated clients: what is in one is said in one breath with its end. */
#include "sim/client.h"

static void say_bare(struct client *c, uint32_t channel, enum amqp091_method_kind kind)
{
	must(c->phase == CLIENT_UP);
	client_say(c, channel + 1, &(struct amqp091_method){ .kind = kind });
}

bool client_select_tx(struct client *c, uint32_t channel)
{
	struct channel_state *ch = &c->channel[channel];
	if (!client_may_call(c, channel) || ch->is_confirming || ch->is_dealing)
		return false;
	client_call(c, channel, AMQP091_tx_select_ok, 0, 0);
	say_bare(c, channel, AMQP091_tx_select);
	ch->is_dealing = true;
	return true;
}

bool client_deal_begin(struct client *c, uint32_t channel)
{
	struct channel_state *ch = &c->channel[channel];
	must(ch->is_dealing);
	if (!client_may_call(c, channel))
		return false;
	must(ch->tx == 0);
	ch->tx = oracle_tx_begin(c->oracle);
	return true;
}

void client_deal_end(struct client *c, uint32_t channel)
{
	struct channel_state *ch = &c->channel[channel];
	const struct oracle_tx *x = &c->oracle->txs[ch->tx];
	must(ch->tx != 0);
	TELL(c->story, deal, c->index, channel, ch->tx, x->end - x->first, x->settled_n);
	client_call(c, channel, AMQP091_tx_commit_ok, ch->tx, 0);
	say_bare(c, channel, AMQP091_tx_commit);
}

bool client_take_back(struct client *c, uint32_t channel, struct message *m)
{
	struct channel_state *ch = &c->channel[channel];
	must(ch->is_dealing);
	if (!client_may_call(c, channel))
		return false;
	must(ch->tx == 0);
	ch->is_void = true;
	const bool is_said = client_publish(c, channel, m);
	ch->is_void = false;
	for (uint32_t i = ch->held_first; i < ch->held_end; i++) {
		if (ch->held[i].is_settled)
			continue;
		const struct amqp091_method ack = { .kind = AMQP091_basic_ack,
						    .basic_ack = { ch->held[i].tag, false } };
		client_say(c, channel + 1, &ack);
		break;
	}
	client_call(c, channel, AMQP091_tx_rollback_ok, 0, is_said);
	say_bare(c, channel, AMQP091_tx_rollback);
	return true;
}
