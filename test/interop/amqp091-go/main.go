// What the client amqp091-go can do, against a broker on a port of this machine:
// main PORT PORT-OF-A-BROKER-WITHOUT-DISK-SPACE. Prints a line for each test.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const patience = 30 * time.Second

// A failed test panics with failure; run prints it.
type failure string

func check(good bool, format string, args ...interface{}) {
	if !good {
		panic(failure(fmt.Sprintf(format, args...)))
	}
}

func must(err error) {
	if err != nil {
		panic(failure(err.Error()))
	}
}

// soon takes from a channel what must come.
func soon[T any](c <-chan T, what string) T {
	select {
	case v, ok := <-c:
		check(ok, "%s: the channel was closed", what)
		return v
	case <-time.After(patience):
		panic(failure(what + " did not come"))
	}
}

func url(port string) string { return "amqp://guest:guest@127.0.0.1:" + port + "/" }

func dial(port string) *amqp.Connection {
	c, err := amqp.Dial(url(port))
	must(err)
	return c
}

func open(c *amqp.Connection) *amqp.Channel {
	ch, err := c.Channel()
	must(err)
	return ch
}

// temporary gives a queue of this connection's own.
func temporary(ch *amqp.Channel) string {
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	must(err)
	return q.Name
}

func publish(ch *amqp.Channel, exchange, key, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(ch.PublishWithContext(ctx, exchange, key, false, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(body)}))
}

func take(c <-chan amqp.Delivery, n int) []string {
	var bodies []string
	for i := 0; i < n; i++ {
		bodies = append(bodies, string(soon(c, "a delivery").Body))
	}
	return bodies
}

func amqpError(err error, code int, text string) {
	var e *amqp.Error
	check(errors.As(err, &e), "an AMQP error, not %v", err)
	check(e.Code == code && strings.Contains(e.Reason, text), "%d %s, not %v", code, text, e)
}

// ---- connections

func connects(c *amqp.Connection, ch *amqp.Channel) {
	check(c.Properties["product"] == "Godwit", "product %v", c.Properties["product"])
	check(c.Major == 0 && c.Minor == 9, "version %d.%d", c.Major, c.Minor)
	check(len(c.Locales) == 1 && c.Locales[0] == "en_US", "locales %v", c.Locales)
	check(c.Config.ChannelMax == 2047 && c.Config.FrameSize == 131072, "tuned %v", c.Config)
}

func negotiates_what_it_is_asked(c *amqp.Connection, ch *amqp.Channel) {
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("negotiator")
	other, err := amqp.DialConfig(url(os.Args[1]), amqp.Config{Heartbeat: time.Second,
		ChannelMax: 3, FrameSize: 4096, Vhost: "/", Locale: "en_US", Properties: properties,
		SASL: []amqp.Authentication{&amqp.AMQPlainAuth{Username: "guest", Password: "guest"}}})
	must(err)
	check(other.Config.ChannelMax == 3 && other.Config.FrameSize == 4096, "tuned %v", other.Config)
	och := open(other)
	q := temporary(och)
	body := strings.Repeat("0123456789", 2000)
	publish(och, "", q, body)
	// Longer than two heartbeats without a word of ours: both sides must have sent some.
	d, err := och.Consume(q, "", true, false, false, false, nil)
	must(err)
	check(take(d, 1)[0] == body, "a body in small frames")
	select {
	case <-d:
		panic(failure("the connection was lost"))
	case <-time.After(3500 * time.Millisecond):
	}
	publish(och, "", q, "still here")
	check(take(d, 1)[0] == "still here", "after heartbeats")
	must(other.Close())
}

func refuses_strangers(c *amqp.Connection, ch *amqp.Channel) {
	_, err := amqp.Dial("amqp://guest:wrong@127.0.0.1:" + os.Args[1] + "/")
	amqpError(err, 403, "username or password not allowed")
	_, err = amqp.Dial(url(os.Args[1]) + "nowhere")
	check(err != nil, "a virtual host that is not there was opened")
}

func takes_a_new_secret(c *amqp.Connection, ch *amqp.Channel) {
	must(c.UpdateSecret("guest", "because"))
	temporary(ch)
}

func tells_when_a_connection_closes(c *amqp.Connection, ch *amqp.Channel) {
	other := dial(os.Args[1])
	och := open(other)
	closed, channelClosed := other.NotifyClose(make(chan *amqp.Error, 1)), och.NotifyClose(
		make(chan *amqp.Error, 1))
	q := temporary(och)
	_, err := och.Consume(q, "same", false, false, false, false, nil)
	must(err)
	_, err = och.Consume(q, "same", false, false, false, false, nil)
	if err == nil { // the client refuses it itself, or the broker does
		amqpError(soon(closed, "an end"), 530, "attempt to reuse consumer tag 'same'")
		amqpError(soon(channelClosed, "an end"), 530, "NOT_ALLOWED")
		check(other.IsClosed() && och.IsClosed(), "it says that it is open")
		return
	}
	other.Close()
}

func tells_who_is_blocked(c *amqp.Connection, ch *amqp.Channel) {
	other := dial(os.Args[2]) // not closed: the broker does not read what a blocked one says
	blocked := other.NotifyBlocked(make(chan amqp.Blocking, 1))
	och := open(other)
	publish(och, "", temporary(och), "too much")
	b := soon(blocked, "connection.blocked")
	check(b.Active && b.Reason != "", "%v", b)
}

// ---- exchanges and queues

func declares_and_deletes(c *amqp.Connection, ch *amqp.Channel) {
	for _, kind := range []string{"direct", "fanout", "topic"} {
		name := "go." + kind
		must(ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
		must(ch.ExchangeDeclarePassive(name, kind, true, false, false, false, nil))
		must(ch.ExchangeDelete(name, false, false))
	}
	q, err := ch.QueueDeclare("go.q", true, false, false, false, amqp.Table{"x-unknown": "kept"})
	must(err)
	check(q.Name == "go.q" && q.Messages == 0 && q.Consumers == 0, "%v", q)
	publish(ch, "", "go.q", "one")
	publish(ch, "", "go.q", "two")
	q, err = ch.QueueDeclarePassive("go.q", true, false, false, false, nil)
	must(err)
	check(q.Messages == 2, "%d messages", q.Messages)
	q, err = ch.QueueInspect("go.q")
	must(err)
	check(q.Messages == 2, "%d messages", q.Messages)
	n, err := ch.QueuePurge("go.q", false)
	must(err)
	check(n == 2, "%d purged", n)
	publish(ch, "", "go.q", "three")
	n, err = ch.QueueDelete("go.q", false, false, false)
	must(err)
	check(n == 1, "%d deleted", n)
}

func deletes_only_what_it_may(c *amqp.Connection, ch *amqp.Channel) {
	och := open(c)
	_, err := och.QueueDeclare("go.full", false, true, false, false, nil)
	must(err)
	publish(och, "", "go.full", "x")
	_, err = och.QueueDelete("go.full", false, true, false)
	amqpError(err, 406, "not empty")
	och = open(c)
	d, err := och.Consume("go.full", "", true, false, false, false, nil)
	must(err)
	take(d, 1)
	other := open(c)
	_, err = other.QueueDelete("go.full", true, false, false)
	amqpError(err, 406, "in use")
	must(och.Close())
}

func needs_no_answers(c *amqp.Connection, ch *amqp.Channel) {
	must(ch.ExchangeDeclare("go.silent", "fanout", false, false, false, true, nil))
	_, err := ch.QueueDeclare("go.silent", false, false, true, true, nil)
	must(err)
	must(ch.QueueBind("go.silent", "", "go.silent", true, nil))
	d, err := ch.Consume("go.silent", "tag", true, false, false, true, nil)
	must(err)
	publish(ch, "go.silent", "any", "heard")
	check(take(d, 1)[0] == "heard", "through silent declarations")
	must(ch.Cancel("tag", true))
	_, err = ch.QueuePurge("go.silent", true)
	must(err)
	_, err = ch.QueueDelete("go.silent", false, false, true)
	must(err)
	must(ch.ExchangeDelete("go.silent", false, true))
	_, err = ch.QueueDeclare("go.silent", true, false, false, false, nil)
	must(err)
	_, err = ch.QueueDelete("go.silent", false, false, false)
	must(err)
}

func routes(c *amqp.Connection, ch *amqp.Channel) {
	q := temporary(ch)
	d, err := ch.Consume(q, "", true, true, false, false, nil)
	must(err)
	must(ch.QueueBind(q, "red", "amq.direct", false, nil))
	must(ch.QueueBind(q, "", "amq.fanout", false, nil))
	must(ch.QueueBind(q, "stock.*.#", "amq.topic", false, amqp.Table{"n": int32(1)}))
	publish(ch, "amq.direct", "blue", "no")
	publish(ch, "amq.topic", "stock", "no")
	publish(ch, "amq.direct", "red", "direct")
	publish(ch, "amq.fanout", "whatever", "fanout")
	publish(ch, "amq.topic", "stock.nyse.ibm", "topic")
	check(reflect.DeepEqual(take(d, 3), []string{"direct", "fanout", "topic"}), "routes")
	must(ch.QueueUnbind(q, "red", "amq.direct", nil))
	must(ch.QueueUnbind(q, "stock.*.#", "amq.topic", amqp.Table{"n": int32(1)}))
	publish(ch, "amq.direct", "red", "no")
	publish(ch, "amq.topic", "stock.nyse.ibm", "no")
	publish(ch, "amq.fanout", "", "last")
	check(take(d, 1)[0] == "last", "unbound")
}

// ---- messages

func keeps_every_property(c *amqp.Connection, ch *amqp.Channel) {
	q := temporary(ch)
	at := time.Unix(1700000000, 0)
	sent := amqp.Publishing{Headers: amqp.Table{"bool": true, "byte": byte(7), "i8": int8(-8),
		"i16": int16(-300), "i32": int32(-70000), "i64": int64(1) << 60, "f32": float32(1.5),
		"f64": 2.5, "decimal": amqp.Decimal{Scale: 2, Value: 1234}, "text": "grüße",
		"bytes": []byte{0, 255}, "nil": nil, "time": at,
		"list":  []interface{}{int32(1), "two", amqp.Table{"three": int32(3)}},
		"table": amqp.Table{"inner": amqp.Table{"deep": "yes"}}},
		ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent,
		Priority: 9, CorrelationId: "correlation", ReplyTo: "reply", MessageId: "id",
		Timestamp: at, Type: "type", UserId: "guest", AppId: "app", Body: []byte("x")}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(ch.PublishWithContext(ctx, "", q, false, false, sent))
	got, ok, err := ch.Get(q, true)
	must(err)
	check(ok && got.MessageCount == 0 && got.RoutingKey == q && got.Exchange == "", "%v", got)
	for name, v := range sent.Headers {
		g := got.Headers[name]
		if t, is := v.(time.Time); is {
			check(t.Equal(g.(time.Time)), "header %s: %v", name, g)
			continue
		}
		check(reflect.DeepEqual(v, g), "header %s: %#v, not %#v", name, g, v)
	}
	check(got.ContentType == sent.ContentType && got.ContentEncoding == sent.ContentEncoding &&
		got.DeliveryMode == sent.DeliveryMode && got.Priority == sent.Priority &&
		got.CorrelationId == sent.CorrelationId && got.ReplyTo == sent.ReplyTo &&
		got.MessageId == sent.MessageId && got.Timestamp.Equal(at) && got.Type == sent.Type &&
		got.UserId == sent.UserId && got.AppId == sent.AppId, "properties %v", got)
}

func carries_bodies_of_any_size(c *amqp.Connection, ch *amqp.Channel) {
	q := temporary(ch)
	d, err := ch.Consume(q, "", true, false, false, false, nil)
	must(err)
	for _, n := range []int{0, 1, 131064, 131065, 1 << 20, 5 << 20} {
		body := bytes.Repeat([]byte{byte(n), 1, 2}, n/3+1)[:n]
		publish(ch, "", q, string(body))
		got := soon(d, "a body")
		check(bytes.Equal(got.Body, body), "%d bytes came as %d", n, len(got.Body))
	}
}

func gets_nothing_from_nothing(c *amqp.Connection, ch *amqp.Channel) {
	_, ok, err := ch.Get(temporary(ch), false)
	must(err)
	check(!ok, "something came")
}

func returns_what_has_no_way(c *amqp.Connection, ch *amqp.Channel) {
	returned := ch.NotifyReturn(make(chan amqp.Return, 1))
	must(ch.Confirm(false))
	confirmed := ch.NotifyPublish(make(chan amqp.Confirmation, 1))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(ch.PublishWithContext(ctx, "amq.direct", "nowhere", true, false,
		amqp.Publishing{MessageId: "lost", Body: []byte("back")}))
	r := soon(returned, "basic.return")
	check(r.ReplyCode == 312 && r.ReplyText == "NO_ROUTE" && r.Exchange == "amq.direct" &&
		r.RoutingKey == "nowhere" && r.MessageId == "lost" && string(r.Body) == "back", "%v", r)
	check(soon(confirmed, "its confirm").Ack, "it was refused")
}

func refuses_immediate(c *amqp.Connection, ch *amqp.Channel) {
	other := dial(os.Args[1])
	closed := other.NotifyClose(make(chan *amqp.Error, 1))
	och := open(other)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(och.PublishWithContext(ctx, "", "q", false, true, amqp.Publishing{}))
	amqpError(soon(closed, "an end"), 540, "immediate=true")
}

// ---- confirms

func confirms_in_order(c *amqp.Connection, ch *amqp.Channel) {
	must(ch.Confirm(false))
	q := temporary(ch)
	confirmed := ch.NotifyPublish(make(chan amqp.Confirmation, 500))
	for i := 1; i <= 500; i++ {
		check(ch.GetNextPublishSeqNo() == uint64(i), "number %d", ch.GetNextPublishSeqNo())
		publish(ch, "", q, "x")
	}
	for i := 1; i <= 500; i++ {
		one := soon(confirmed, "a confirm")
		check(one.Ack && one.DeliveryTag == uint64(i), "%v for %d", one, i)
	}
}

func tells_acks_from_nacks(c *amqp.Connection, ch *amqp.Channel) {
	must(ch.Confirm(false)) // this client waits for an answer even if it asked for none
	acks, nacks := ch.NotifyConfirm(make(chan uint64, 1), make(chan uint64, 1))
	publish(ch, "", temporary(ch), "x")
	check(soon(acks, "an ack") == 1 && len(nacks) == 0, "a nack")
}

func defers_confirms(c *amqp.Connection, ch *amqp.Channel) {
	must(ch.Confirm(false))
	_, err := ch.QueueDeclare("go.deferred", true, false, false, false, nil)
	must(err)
	var all []*amqp.DeferredConfirmation
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i := 0; i < 200; i++ {
		one, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", "go.deferred", false, false,
			amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("durable")})
		must(err)
		all = append(all, one)
	}
	for i, one := range all {
		check(one.DeliveryTag == uint64(i+1) && one.Wait(), "number %d", i)
	}
	n, err := ch.QueueDelete("go.deferred", false, false, false)
	must(err)
	check(n == 200, "%d messages", n)
}

// ---- consuming

func settles_in_every_way(c *amqp.Connection, ch *amqp.Channel) {
	q := temporary(ch)
	for i := 0; i < 6; i++ {
		publish(ch, "", q, fmt.Sprint(i))
	}
	d, err := ch.Consume(q, "", false, false, false, false, nil)
	must(err)
	var got []amqp.Delivery
	for i := 0; i < 6; i++ {
		got = append(got, soon(d, "a delivery"))
		check(!got[i].Redelivered, "redelivered")
	}
	must(got[1].Ack(true))         // 0 and 1
	must(got[2].Reject(false))     // gone
	must(got[3].Nack(false, true)) // again
	again := soon(d, "again")
	check(string(again.Body) == "3" && again.Redelivered, "%s", again.Body)
	must(got[5].Nack(true, true)) // 4 and 5 again
	check(reflect.DeepEqual(take(d, 2), []string{"4", "5"}), "order")
	must(ch.Recover(true)) // 3, 4, 5
	var last amqp.Delivery
	for _, want := range []string{"3", "4", "5"} {
		last = soon(d, "recovered")
		check(string(last.Body) == want && last.Redelivered, "%s, not %s", last.Body, want)
	}
	must(last.Ack(true))
	info, err := ch.QueueInspect(q)
	must(err)
	check(info.Messages == 0 && info.Consumers == 1, "%v", info)
}

func an_unknown_tag_closes_the_channel(c *amqp.Connection, ch *amqp.Channel) {
	och := open(c)
	closed := och.NotifyClose(make(chan *amqp.Error, 1))
	must(och.Ack(42, false))
	amqpError(soon(closed, "an end"), 406, "unknown delivery tag 42")
	check(!c.IsClosed(), "the connection is closed, too")
	temporary(ch)
}

func keeps_to_the_prefetch(c *amqp.Connection, ch *amqp.Channel) {
	must(ch.Qos(3, 0, false))
	q := temporary(ch)
	d, err := ch.Consume(q, "", false, false, false, false, nil)
	must(err)
	for i := 0; i < 10; i++ {
		publish(ch, "", q, fmt.Sprint(i))
	}
	var third amqp.Delivery
	for i := 0; i < 3; i++ {
		third = soon(d, "a delivery")
	}
	info, err := ch.QueueInspect(q) // an answer: whatever came before it is here
	must(err)
	check(info.Messages == 7 && len(d) == 0, "%d ready, %d too many", info.Messages, len(d))
	must(third.Ack(true))
	check(reflect.DeepEqual(take(d, 3), []string{"3", "4", "5"}), "the next")
}

func shares_a_prefetch_on_the_channel(c *amqp.Connection, ch *amqp.Channel) {
	must(ch.Qos(2, 0, true))
	q := temporary(ch)
	a, err := ch.Consume(q, "a", false, false, false, false, nil)
	must(err)
	b, err := ch.Consume(q, "b", false, false, false, false, nil)
	must(err)
	for i := 0; i < 6; i++ {
		publish(ch, "", q, fmt.Sprint(i))
	}
	for n := 0; n < 6; n++ {
		select {
		case m := <-a:
			must(m.Ack(false))
		case m := <-b:
			must(m.Ack(false))
		case <-time.After(patience):
			panic(failure("no delivery"))
		}
	}
}

func tells_when_a_consumer_is_cancelled(c *amqp.Connection, ch *amqp.Channel) {
	cancelled := ch.NotifyCancel(make(chan string, 1))
	_, err := ch.QueueDeclare("go.cancelled", false, false, false, false, nil)
	must(err)
	d, err := ch.Consume("go.cancelled", "victim", false, false, false, false, nil)
	must(err)
	_, err = open(c).QueueDelete("go.cancelled", false, false, false)
	must(err)
	check(soon(cancelled, "basic.cancel") == "victim", "whose")
	_, ok := <-d
	check(!ok, "a delivery of a queue that is gone")
}

func consumes_alone(c *amqp.Connection, ch *amqp.Channel) {
	_, err := ch.QueueDeclare("go.alone", false, true, false, false, nil)
	must(err)
	_, err = ch.Consume("go.alone", "", true, true, false, false, nil)
	must(err)
	_, err = open(c).Consume("go.alone", "", true, false, false, false, nil)
	amqpError(err, 403, "exclusive")
}

func locks_exclusive_queues(c *amqp.Connection, ch *amqp.Channel) {
	q := temporary(ch)
	other := dial(os.Args[1])
	defer other.Close()
	_, err := open(other).QueueDeclarePassive(q, false, true, true, false, nil)
	amqpError(err, 405, "exclusive access to locked queue")
}

func channels_do_not_disturb_each_other(c *amqp.Connection, ch *amqp.Channel) {
	q := temporary(ch)
	for i := 0; i < 100; i++ {
		och := open(c)
		if i%2 == 0 {
			_, err := och.QueueDeclarePassive("go.nowhere", false, false, false, false, nil)
			amqpError(err, 404, "no queue 'go.nowhere' in vhost '/'")
			continue
		}
		publish(och, "", q, fmt.Sprint(i))
		must(och.Close())
	}
	info, err := ch.QueueInspect(q)
	must(err)
	check(info.Messages == 50, "%d messages", info.Messages)
}

func says_what_it_does_not_do(c *amqp.Connection, ch *amqp.Channel) {
	for _, what := range []func(*amqp.Channel) error{
		func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("stream", true, false, false, false,
				amqp.Table{"x-queue-type": "stream"})
			must(err)
			_, _, err = ch.Get("stream", false)
			return err
		},
		func(ch *amqp.Channel) error { return ch.Flow(false) }} {
		other := dial(os.Args[1])
		amqpError(what(open(other)), 540, "NOT_IMPLEMENTED")
		other.Close()
	}
}

// ---- running them

type test struct {
	name string
	run  func(*amqp.Connection, *amqp.Channel)
}

func run(t test) {
	late := time.AfterFunc(2*patience, func() {
		fmt.Println("not ok", t.name, "does not end")
		os.Exit(1)
	})
	defer late.Stop()
	defer func() {
		switch e := recover().(type) {
		case nil:
			fmt.Println("ok", t.name)
		case failure:
			fmt.Println("not ok", t.name, strings.ReplaceAll(string(e), "\n", " "))
		default:
			fmt.Println("not ok", t.name, "panic:", e)
		}
	}()
	c := dial(os.Args[1])
	defer c.Close()
	t.run(c, open(c))
}

func main() {
	for _, t := range []test{
		{"connects", connects},
		{"negotiates_what_it_is_asked", negotiates_what_it_is_asked},
		{"refuses_strangers", refuses_strangers},
		{"takes_a_new_secret", takes_a_new_secret},
		{"tells_when_a_connection_closes", tells_when_a_connection_closes},
		{"tells_who_is_blocked", tells_who_is_blocked},
		{"declares_and_deletes", declares_and_deletes},
		{"deletes_only_what_it_may", deletes_only_what_it_may},
		{"needs_no_answers", needs_no_answers},
		{"routes", routes},
		{"keeps_every_property", keeps_every_property},
		{"carries_bodies_of_any_size", carries_bodies_of_any_size},
		{"gets_nothing_from_nothing", gets_nothing_from_nothing},
		{"returns_what_has_no_way", returns_what_has_no_way},
		{"refuses_immediate", refuses_immediate},
		{"confirms_in_order", confirms_in_order},
		{"tells_acks_from_nacks", tells_acks_from_nacks},
		{"defers_confirms", defers_confirms},
		{"settles_in_every_way", settles_in_every_way},
		{"an_unknown_tag_closes_the_channel", an_unknown_tag_closes_the_channel},
		{"keeps_to_the_prefetch", keeps_to_the_prefetch},
		{"shares_a_prefetch_on_the_channel", shares_a_prefetch_on_the_channel},
		{"tells_when_a_consumer_is_cancelled", tells_when_a_consumer_is_cancelled},
		{"consumes_alone", consumes_alone},
		{"locks_exclusive_queues", locks_exclusive_queues},
		{"channels_do_not_disturb_each_other", channels_do_not_disturb_each_other},
		{"says_what_it_does_not_do", says_what_it_does_not_do},
	} {
		run(t)
	}
}
