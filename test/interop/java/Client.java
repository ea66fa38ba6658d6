// What the Java client can do, against a broker on a port of this machine:
// Client PORT PORT-OF-A-BROKER-WITHOUT-DISK-SPACE. Prints a line for each test.

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.BlockedListener;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Method;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import com.rabbitmq.client.ReturnListener;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcServer;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public final class Client {
	private static final int PATIENCE_S = 60;
	private static int port, fullPort;

	private interface Test {
		void run(Connection connection, Channel channel) throws Exception;
	}

	private interface Call {
		void run() throws Exception;
	}

	private static final class Failure extends RuntimeException {
		private static final long serialVersionUID = 1;

		Failure(String what) {
			super(what);
		}
	}

	private static void check(boolean good, Object what) {
		if (!good)
			throw new Failure(String.valueOf(what));
	}

	private static void same(Object got, Object wanted) {
		check(wanted == null ? got == null : wanted.equals(got), got + ", not " + wanted);
	}

	private static <T> T soon(BlockingQueue<T> queue, String what) throws InterruptedException {
		T got = queue.poll(PATIENCE_S, TimeUnit.SECONDS);
		check(got != null, what + " did not come");
		return got;
	}

	private static ConnectionFactory factory(int at) {
		ConnectionFactory f = new ConnectionFactory();
		f.setHost("127.0.0.1");
		f.setPort(at);
		f.setAutomaticRecoveryEnabled(false);
		f.setConnectionTimeout(PATIENCE_S * 1000);
		f.setChannelRpcTimeout(PATIENCE_S * 1000);
		return f;
	}

	private static byte[] bytes(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static String text(byte[] body) {
		return new String(body, StandardCharsets.UTF_8);
	}

	private static String temporary(Channel ch) throws IOException {
		return ch.queueDeclare().getQueue();
	}

	private static void publish(Channel ch, String queue, String body) throws IOException {
		ch.basicPublish("", queue, MessageProperties.PERSISTENT_TEXT_PLAIN, bytes(body));
	}

	private static BlockingQueue<Delivery> consume(Channel ch, String queue, boolean autoAck)
			throws IOException {
		BlockingQueue<Delivery> got = new LinkedBlockingQueue<>();
		ch.basicConsume(queue, autoAck, (tag, d) -> got.add(d), tag -> { });
		return got;
	}

	private static List<String> take(BlockingQueue<Delivery> from, int n) throws Exception {
		List<String> bodies = new ArrayList<>();
		for (int i = 0; i < n; i++)
			bodies.add(text(soon(from, "delivery " + i).getBody()));
		return bodies;
	}

	/** The code and text with which the broker refused a call. */
	private static void refused(Call call, int code, String words) throws Exception {
		try {
			call.run();
		} catch (IOException | AlreadyClosedException e) {
			Throwable cause = e instanceof AlreadyClosedException ? e : e.getCause();
			check(cause instanceof ShutdownSignalException, e);
			ended((ShutdownSignalException) cause, code, words);
			return;
		}
		throw new Failure("not refused with " + code);
	}

	private static void ended(ShutdownSignalException e, int code, String words) {
		Method why = e.getReason();
		int got = why instanceof AMQP.Channel.Close ? ((AMQP.Channel.Close) why).getReplyCode()
				: ((AMQP.Connection.Close) why).getReplyCode();
		same(got, code);
		check(why.toString().contains(words), why);
	}

	private static BlockingQueue<ShutdownSignalException> ends(Channel ch) {
		BlockingQueue<ShutdownSignalException> ends = new LinkedBlockingQueue<>();
		ch.addShutdownListener(ends::add);
		return ends;
	}

	// ---- connections

	static void connects(Connection c, Channel ch) {
		Map<String, Object> server = c.getServerProperties();
		same(server.get("product").toString(), "Godwit");
		check(server.get("version").toString().matches("\\d+\\.\\d+\\.\\d+"), server);
		same(c.getChannelMax(), 2047);
		same(c.getFrameMax(), 131072);
	}

	static void negotiatesWhatItIsAsked(Connection c, Channel ch) throws Exception {
		ConnectionFactory f = factory(port);
		f.setRequestedChannelMax(5);
		f.setRequestedFrameMax(4096);
		f.setRequestedHeartbeat(1);
		Connection other = f.newConnection("negotiator");
		same(Arrays.asList(other.getChannelMax(), other.getFrameMax(), other.getHeartbeat()),
				Arrays.asList(5, 4096, 1));
		Channel och = other.createChannel();
		String queue = temporary(och);
		BlockingQueue<Delivery> got = consume(och, queue, true);
		check(got.poll(3500, TimeUnit.MILLISECONDS) == null, "a delivery of nothing");
		publish(och, queue, "after heartbeats");
		same(take(got, 1).get(0), "after heartbeats");
		other.close();
	}

	static void usesNio(Connection c, Channel ch) throws Exception {
		ConnectionFactory f = factory(port);
		f.useNio();
		try (Connection other = f.newConnection()) {
			Channel och = other.createChannel();
			String queue = temporary(och);
			publish(och, queue, "nio");
			same(text(och.basicGet(queue, true).getBody()), "nio");
		}
	}

	static void refusesStrangers(Connection c, Channel ch) throws Exception {
		ConnectionFactory f = factory(port);
		f.setPassword("wrong");
		try {
			f.newConnection();
			throw new Failure("a wrong password was taken");
		} catch (AuthenticationFailureException e) {
			check(e.getMessage().contains("ACCESS_REFUSED"), e);
		}
		ConnectionFactory nowhere = factory(port);
		nowhere.setVirtualHost("nowhere");
		refused(nowhere::newConnection, 530, "vhost nowhere not found");
	}

	static void tellsWhoIsBlocked(Connection c, Channel ch) throws Exception {
		BlockingQueue<String> reasons = new LinkedBlockingQueue<>();
		Connection other = factory(fullPort).newConnection();
		other.addBlockedListener(new BlockedListener() {
			@Override
			public void handleBlocked(String reason) {
				reasons.add(reason);
			}

			@Override
			public void handleUnblocked() {
				reasons.add("unblocked");
			}
		});
		Channel och = other.createChannel();
		publish(och, temporary(och), "too much");
		check(!soon(reasons, "connection.blocked").isEmpty(), "no reason");
		other.abort(100);
	}

	static void recoversByItself(Connection c, Channel ch) throws Exception {
		ConnectionFactory f = factory(port);
		BlockingQueue<Socket> sockets = new LinkedBlockingQueue<>();
		BlockingQueue<String> recovered = new LinkedBlockingQueue<>();
		f.setAutomaticRecoveryEnabled(true);
		f.setNetworkRecoveryInterval(50L);
		f.setSocketConfigurator(sockets::add);
		Connection other = f.newConnection();
		((Recoverable) other).addRecoveryListener(new RecoveryListener() {
			@Override
			public void handleRecovery(Recoverable r) {
				recovered.add("recovered");
			}

			@Override
			public void handleRecoveryStarted(Recoverable r) {
			}
		});
		Channel och = other.createChannel();
		och.exchangeDeclare("java.recovered", "fanout", false, true, null);
		String queue = temporary(och);
		och.queueBind(queue, "java.recovered", "");
		BlockingQueue<Delivery> got = consume(och, queue, false);
		for (int i = 0; i < 3; i++) {
			soon(sockets, "a socket").close();
			soon(recovered, "a recovery");
			och.basicPublish("java.recovered", "", null, bytes("message " + i));
			same(take(got, 1).get(0), "message " + i);
		}
		other.close();
	}

	// ---- exchanges and queues

	static void declaresAndDeletes(Connection c, Channel ch) throws Exception {
		for (BuiltinExchangeType type : new BuiltinExchangeType[] {BuiltinExchangeType.DIRECT,
				BuiltinExchangeType.FANOUT, BuiltinExchangeType.TOPIC}) {
			String name = "java." + type.getType();
			ch.exchangeDeclare(name, type, true);
			ch.exchangeDeclarePassive(name);
			ch.exchangeDelete(name, true);
		}
		ch.queueDeclare("java.q", true, false, false, Collections.singletonMap("x-kept", 1));
		publish(ch, "java.q", "one");
		publish(ch, "java.q", "two");
		same(ch.messageCount("java.q"), 2L);
		same(ch.consumerCount("java.q"), 0L);
		same(ch.queueDeclarePassive("java.q").getMessageCount(), 2);
		same(ch.queuePurge("java.q").getMessageCount(), 2);
		publish(ch, "java.q", "three");
		same(ch.queueDelete("java.q").getMessageCount(), 1);
		same(ch.queueDelete("java.q").getMessageCount(), 0);
	}

	static void insistsOnEquivalence(Connection c, Channel ch) throws Exception {
		ch.queueDeclare("java.same", false, false, true, null);
		refused(() -> c.createChannel().queueDeclare("java.same", true, false, true, null), 406,
				"inequivalent arg 'durable' for queue 'java.same'");
		refused(() -> c.createChannel().exchangeDeclare("amq.direct", "fanout", true), 406,
				"inequivalent arg 'type' for exchange 'amq.direct'");
		refused(() -> c.createChannel().exchangeDeclare("java.what", "what"), 406,
				"unknown exchange type 'what'");
		refused(() -> c.createChannel().queueDeclare("amq.mine", false, false, true, null), 403,
				"contains reserved prefix 'amq.*'");
	}

	static void needsNoAnswers(Connection c, Channel ch) throws Exception {
		ch.exchangeDeclareNoWait("java.silent", "topic", false, false, false, null);
		ch.queueDeclareNoWait("java.silent", false, false, true, null);
		ch.queueBindNoWait("java.silent", "java.silent", "#", null);
		ch.basicPublish("java.silent", "any", null, bytes("heard"));
		same(text(ch.basicGet("java.silent", true).getBody()), "heard");
		ch.queueDeleteNoWait("java.silent", false, false);
		ch.exchangeDeleteNoWait("java.silent", false);
		refused(() -> ch.exchangeDeclarePassive("java.silent"), 404, "no exchange 'java.silent'");
	}

	static void routes(Connection c, Channel ch) throws Exception {
		String queue = temporary(ch);
		BlockingQueue<Delivery> got = consume(ch, queue, true);
		ch.queueBind(queue, "amq.direct", "red");
		ch.queueBind(queue, "amq.fanout", "");
		ch.queueBind(queue, "amq.topic", "#.end", Collections.singletonMap("n", 1));
		ch.basicPublish("amq.direct", "blue", null, bytes("no"));
		ch.basicPublish("amq.direct", "red", null, bytes("direct"));
		ch.basicPublish("amq.fanout", "x", null, bytes("fanout"));
		ch.basicPublish("amq.topic", "a.b.end", null, bytes("topic"));
		same(take(got, 3), Arrays.asList("direct", "fanout", "topic"));
		ch.queueUnbind(queue, "amq.direct", "red");
		ch.basicPublish("amq.direct", "red", null, bytes("no"));
		ch.basicPublish("amq.topic", "end", null, bytes("last"));
		same(take(got, 1).get(0), "last");
	}

	static void deletesByItself(Connection c, Channel ch) throws Exception {
		ch.exchangeDeclare("java.auto", "fanout", false, true, null);
		ch.queueDeclare("java.auto", false, false, true, null);
		ch.queueBind("java.auto", "java.auto", "");
		String tag = ch.basicConsume("java.auto", new DefaultConsumer(ch));
		ch.basicCancel(tag);
		refused(() -> c.createChannel().queueDeclarePassive("java.auto"), 404, "no queue");
		refused(() -> c.createChannel().exchangeDeclarePassive("java.auto"), 404, "no exchange");
	}

	// ---- messages

	static void keepsEveryProperty(Connection c, Channel ch) throws Exception {
		Date at = new Date(1700000000000L);
		Map<String, Object> headers = new HashMap<>();
		headers.put("boolean", true);
		headers.put("byte", (byte) -3);
		headers.put("short", (short) 300);
		headers.put("int", -70000);
		headers.put("long", 1L << 60);
		headers.put("float", 1.5f);
		headers.put("double", 2.5);
		headers.put("decimal", new BigDecimal("12.34"));
		headers.put("date", at);
		headers.put("null", null);
		headers.put("list", Arrays.asList(1, 2L, true));
		headers.put("map", Collections.singletonMap("deep", 1));
		AMQP.BasicProperties sent = new AMQP.BasicProperties("text/plain", "utf-8", headers, 2, 9,
				"correlation", "reply", null, "id", at, "type", "guest", "app", "cluster");
		String queue = temporary(ch);
		ch.basicPublish("", queue, sent, bytes("x"));
		GetResponse got = ch.basicGet(queue, true);
		AMQP.BasicProperties props = got.getProps();
		Map<String, Object> back = new HashMap<>(props.getHeaders());
		same(back, headers);
		same(props.builder().headers(null).build().toString(),
				sent.builder().headers(null).build().toString());
		same(got.getEnvelope().getRoutingKey(), queue);
	}

	static void carriesText(Connection c, Channel ch) throws Exception {
		Map<String, Object> headers = new HashMap<>();
		headers.put("long", "grüße ".repeat(2000));
		String queue = temporary(ch);
		ch.basicPublish("", queue, new AMQP.BasicProperties.Builder().headers(headers).build(),
				bytes("grüße"));
		GetResponse got = ch.basicGet(queue, true);
		LongString value = (LongString) got.getProps().getHeaders().get("long");
		same(value.toString(), headers.get("long"));
		same(text(got.getBody()), "grüße");
	}

	static void carriesBodiesOfAnySize(Connection c, Channel ch) throws Exception {
		String queue = temporary(ch);
		for (int n : new int[] {0, 1, 131064, 131065, 1 << 20, 5 << 20}) {
			byte[] body = new byte[n];
			Arrays.fill(body, (byte) n);
			if (n > 0)
				body[n - 1] = 42;
			ch.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, body);
			check(Arrays.equals(ch.basicGet(queue, true).getBody(), body), n + " bytes");
		}
		check(ch.basicGet(queue, true) == null, "something out of nothing");
	}

	static void returnsWhatHasNoWay(Connection c, Channel ch) throws Exception {
		BlockingQueue<String> events = new LinkedBlockingQueue<>();
		ReturnListener listener = (code, why, exchange, key, props, body) -> events
				.add(code + " " + why + " " + exchange + " " + key + " " + text(body));
		ch.addReturnListener(listener);
		ch.addConfirmListener((tag, multiple) -> events.add("ack " + tag),
				(tag, multiple) -> events.add("nack " + tag));
		ch.confirmSelect();
		ch.basicPublish("amq.direct", "nowhere", true, null, bytes("back"));
		same(soon(events, "a return"), "312 NO_ROUTE amq.direct nowhere back");
		same(soon(events, "a confirm"), "ack 1");
	}

	static void refusesToPublish(Connection c, Channel ch) throws Exception {
		Channel och = c.createChannel();
		BlockingQueue<ShutdownSignalException> ends = ends(och);
		och.basicPublish("java.nowhere", "", null, bytes("x"));
		ended(soon(ends, "an end"), 404, "no exchange 'java.nowhere' in vhost '/'");
		Channel internal = c.createChannel();
		internal.exchangeDeclare("java.internal", "fanout", false, false, true, null);
		BlockingQueue<ShutdownSignalException> ends2 = ends(internal);
		internal.basicPublish("java.internal", "", null, bytes("x"));
		ended(soon(ends2, "an end"), 403, "cannot publish to internal exchange");
		ch.exchangeDelete("java.internal");
	}

	// ---- confirms

	static void waitsForConfirms(Connection c, Channel ch) throws Exception {
		ch.confirmSelect();
		ch.queueDeclare("java.confirmed", true, false, false, null);
		for (int i = 1; i <= 500; i++) {
			same(ch.getNextPublishSeqNo(), (long) i);
			publish(ch, "java.confirmed", "message " + i);
		}
		ch.waitForConfirmsOrDie(PATIENCE_S * 1000L);
		check(ch.waitForConfirms(PATIENCE_S * 1000L), "a nack");
		same(ch.queueDelete("java.confirmed").getMessageCount(), 500);
	}

	static void confirmsInOrder(Connection c, Channel ch) throws Exception {
		BlockingQueue<Long> tags = new LinkedBlockingQueue<>();
		ch.addConfirmListener((tag, multiple) -> tags.add(multiple ? tag : -tag),
				(tag, multiple) -> tags.add(0L));
		ch.confirmSelect();
		String queue = temporary(ch);
		for (int i = 0; i < 300; i++)
			publish(ch, queue, "x");
		for (long last = 0; last < 300;) {
			long tag = soon(tags, "a confirm");
			check(tag != 0 && Math.abs(tag) > last && (tag > 0 || -tag == last + 1), tag);
			last = Math.abs(tag);
		}
	}

	// ---- consuming

	static void settlesInEveryWay(Connection c, Channel ch) throws Exception {
		String queue = temporary(ch);
		for (int i = 0; i < 6; i++)
			publish(ch, queue, "" + i);
		BlockingQueue<Delivery> got = consume(ch, queue, false);
		same(take(got, 6), Arrays.asList("0", "1", "2", "3", "4", "5"));
		ch.basicAck(2, true);
		ch.basicReject(3, false);
		ch.basicNack(4, false, true);
		Delivery again = soon(got, "3 again");
		check(again.getEnvelope().isRedeliver() && text(again.getBody()).equals("3"), again);
		ch.basicNack(6, true, true);
		same(take(got, 2), Arrays.asList("4", "5"));
		ch.basicRecover(true);
		same(take(got, 3), Arrays.asList("3", "4", "5"));
		ch.basicAck(0, true);
		same(ch.messageCount(queue), 0L);
	}

	static void anUnknownTagClosesTheChannel(Connection c, Channel ch) throws Exception {
		Channel och = c.createChannel();
		BlockingQueue<ShutdownSignalException> ends = ends(och);
		och.basicAck(42, false);
		ended(soon(ends, "an end"), 406, "unknown delivery tag 42");
		check(ch.isOpen() && c.isOpen(), "the others, too");
	}

	static void keepsToThePrefetch(Connection c, Channel ch) throws Exception {
		String queue = temporary(ch);
		for (int i = 0; i < 10; i++)
			publish(ch, queue, "" + i);
		ch.basicQos(3);
		BlockingQueue<Delivery> got = consume(ch, queue, false);
		same(take(got, 3), Arrays.asList("0", "1", "2"));
		same(ch.messageCount(queue), 7L);
		check(got.isEmpty(), "one too many");
		ch.basicAck(2, true);
		same(take(got, 2), Arrays.asList("3", "4"));
	}

	static void sharesAmongConsumers(Connection c, Channel ch) throws Exception {
		String queue = temporary(ch);
		ch.basicQos(1);
		List<BlockingQueue<Delivery>> all = new ArrayList<>();
		for (int i = 0; i < 4; i++)
			all.add(consume(ch, queue, false));
		for (int i = 0; i < 4; i++)
			publish(ch, queue, "x");
		for (BlockingQueue<Delivery> one : all)
			soon(one, "a fair share");
		same(ch.consumerCount(queue), 4L);
	}

	static void tellsWhenAConsumerIsCancelled(Connection c, Channel ch) throws Exception {
		BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();
		ch.queueDeclare("java.cancelled", false, false, false, null);
		ch.basicConsume("java.cancelled", true, "victim", (tag, d) -> { }, cancelled::add);
		c.createChannel().queueDelete("java.cancelled");
		same(soon(cancelled, "basic.cancel"), "victim");
	}

	static void keepsOthersOut(Connection c, Channel ch) throws Exception {
		String queue = temporary(ch);
		ch.basicConsume(queue, true, "only", false, true, null, new DefaultConsumer(ch));
		refused(() -> c.createChannel().basicConsume(queue, new DefaultConsumer(ch)), 403,
				"in exclusive use");
		try (Connection other = factory(port).newConnection()) {
			refused(() -> other.createChannel().queueDeclarePassive(queue), 405,
					"cannot obtain exclusive access to locked queue");
		}
	}

	static void callsAndAnswers(Connection c, Channel ch) throws Exception {
		String requests = temporary(ch);
		RpcServer server = new RpcServer(ch, requests) {
			@Override
			public byte[] handleCall(byte[] body, AMQP.BasicProperties props) {
				return bytes(text(body).toUpperCase());
			}
		};
		Thread serving = new Thread(() -> {
			try {
				server.mainloop();
			} catch (IOException | ShutdownSignalException e) {
				// the end of the test
			}
		});
		serving.setDaemon(true); // it ends with its connection
		serving.start();
		Channel och = c.createChannel();
		RpcClient client = new RpcClient(och, "", requests, temporary(och), PATIENCE_S * 1000);
		for (int i = 0; i < 50; i++)
			same(client.stringCall("question " + i), "QUESTION " + i);
		client.close();
	}

	static void givesBackWhatAChannelHad(Connection c, Channel ch) throws Exception {
		ch.queueDeclare("java.back", false, true, false, null);
		Channel och = c.createChannel();
		for (int i = 0; i < 5; i++)
			publish(ch, "java.back", "" + i);
		for (int i = 0; i < 3; i++)
			och.basicGet("java.back", false);
		och.close();
		same(ch.messageCount("java.back"), 5L);
		for (int i = 0; i < 5; i++) {
			GetResponse got = ch.basicGet("java.back", true);
			same(text(got.getBody()), "" + i);
			same(got.getEnvelope().isRedeliver(), i < 3);
			same(got.getMessageCount(), 4 - i);
		}
	}

	static void manyChannelsAtOnce(Connection c, Channel ch) throws Exception {
		List<Thread> threads = new ArrayList<>();
		BlockingQueue<String> wrong = new LinkedBlockingQueue<>();
		for (int t = 0; t < 20; t++) {
			threads.add(new Thread(() -> {
				try {
					Channel och = c.createChannel();
					och.confirmSelect();
					String queue = temporary(och);
					BlockingQueue<Delivery> got = consume(och, queue, true);
					for (int i = 0; i < 50; i++)
						publish(och, queue, "" + i);
					for (int i = 0; i < 50; i++)
						same(text(soon(got, "a delivery").getBody()), "" + i);
					och.waitForConfirmsOrDie(PATIENCE_S * 1000L);
					och.close();
				} catch (Exception e) {
					wrong.add(e.toString());
				}
			}));
		}
		for (Thread t : threads)
			t.start();
		for (Thread t : threads)
			t.join(PATIENCE_S * 1000L);
		check(wrong.isEmpty(), wrong);
	}

	static void bindsExchangesToExchanges(Connection c, Channel ch) throws Exception {
		String q = temporary(ch);
		ch.exchangeDeclare("java.e1", "headers", false, true, Map.of("alternate-exchange", "java.e3"));
		ch.exchangeDeclare("java.e2", "direct", false, true, null);
		ch.exchangeDeclare("java.e3", "fanout", false, true, null);
		ch.exchangeBind("java.e2", "java.e1", "", Map.of("x-match", "any", "a", 1, "b", "x"));
		ch.queueBind(q, "java.e2", "k");
		ch.queueBind(q, "java.e3", "");
		AMQP.BasicProperties.Builder b = new AMQP.BasicProperties.Builder();
		ch.basicPublish("java.e1", "k", b.headers(Map.of("a", 1L)).build(), new byte[1]);
		ch.basicPublish("java.e1", "l", b.headers(Map.of("b", "x")).build(), new byte[2]);
		ch.basicPublish("java.e1", "l", b.headers(Map.of("b", "y")).build(), new byte[3]);
		same(ch.messageCount(q), 2L);
		same(ch.basicGet(q, true).getBody().length, 1);
		same(ch.basicGet(q, true).getBody().length, 3);
		ch.exchangeUnbind("java.e2", "java.e1", "", Map.of("b", "x", "x-match", "any", "a", 1));
		refused(() -> c.createChannel().exchangeDeclarePassive("java.e1"), 404, "NOT_FOUND");
	}

	static void saysWhatItDoesNotDo(Connection c, Channel ch) throws Exception {
		for (int i = 0; i < 2; i++) {
			try (Connection other = factory(port).newConnection()) {
				Channel och = other.createChannel();
				Map<String, Object> stream = Map.of("x-queue-type", "stream");
				Call[] calls = {() -> {
					och.queueDeclare("stream", true, false, false, stream);
					och.basicGet("stream", false);
				},
					() -> och.basicQos(1, 1, false)};
				refused(calls[i], 540, "NOT_IMPLEMENTED");
			} catch (AlreadyClosedException e) {
				// closing what the broker has closed
			}
		}
	}

	// ---- running them

	private static boolean run(String name, Test test) {
		try (Connection c = factory(port).newConnection()) {
			test.run(c, c.createChannel());
			System.out.println("ok " + name);
			return true;
		} catch (Exception e) {
			e.printStackTrace();
			System.out.println("not ok " + name + " " + e.toString().replaceAll("\\s+", " "));
			return false;
		}
	}

	public static void main(String[] args) throws Exception {
		port = Integer.parseInt(args[0]);
		fullPort = Integer.parseInt(args[1]);
		Object[][] tests = {
			{"connects", (Test) Client::connects},
			{"negotiates_what_it_is_asked", (Test) Client::negotiatesWhatItIsAsked},
			{"uses_nio", (Test) Client::usesNio},
			{"refuses_strangers", (Test) Client::refusesStrangers},
			{"tells_who_is_blocked", (Test) Client::tellsWhoIsBlocked},
			{"recovers_by_itself", (Test) Client::recoversByItself},
			{"declares_and_deletes", (Test) Client::declaresAndDeletes},
			{"insists_on_equivalence", (Test) Client::insistsOnEquivalence},
			{"needs_no_answers", (Test) Client::needsNoAnswers},
			{"routes", (Test) Client::routes},
			{"deletes_by_itself", (Test) Client::deletesByItself},
			{"keeps_every_property", (Test) Client::keepsEveryProperty},
			{"carries_text", (Test) Client::carriesText},
			{"carries_bodies_of_any_size", (Test) Client::carriesBodiesOfAnySize},
			{"returns_what_has_no_way", (Test) Client::returnsWhatHasNoWay},
			{"refuses_to_publish", (Test) Client::refusesToPublish},
			{"waits_for_confirms", (Test) Client::waitsForConfirms},
			{"confirms_in_order", (Test) Client::confirmsInOrder},
			{"settles_in_every_way", (Test) Client::settlesInEveryWay},
			{"an_unknown_tag_closes_the_channel", (Test) Client::anUnknownTagClosesTheChannel},
			{"keeps_to_the_prefetch", (Test) Client::keepsToThePrefetch},
			{"shares_among_consumers", (Test) Client::sharesAmongConsumers},
			{"tells_when_a_consumer_is_cancelled", (Test) Client::tellsWhenAConsumerIsCancelled},
			{"keeps_others_out", (Test) Client::keepsOthersOut},
			{"calls_and_answers", (Test) Client::callsAndAnswers},
			{"gives_back_what_a_channel_had", (Test) Client::givesBackWhatAChannelHad},
			{"many_channels_at_once", (Test) Client::manyChannelsAtOnce},
			{"binds_exchanges_to_exchanges", (Test) Client::bindsExchangesToExchanges},
			{"says_what_it_does_not_do", (Test) Client::saysWhatItDoesNotDo},
		};
		boolean good = true;
		for (Object[] t : tests)
			good &= run((String) t[0], (Test) t[1]);
		System.exit(good ? 0 : 1);
	}
}
