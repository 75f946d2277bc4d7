// RingSide: the LMAX Disruptor under the flows of `ordo bench ring`, for bench/targets.
//
// One process serves one wait strategy, so that the compiler sees a single type of it, and stays alive: the flows are
// warmed up once and then taken in turn with ours. It reads lines "FLOW BATCH SECONDS" and answers each with one line:
// events a second for "one" (one producer, one consumer), "chain" (three consumers, each behind the one before) and
// "compact" (the three one after the other on one thread, by an aggregating handler as the library has it), nanoseconds p50 for "ping" (round trips over two rings). Every flow proves by sums that each event was seen once.
//
// An event is as large as our slot, 64 bytes: header (12), one int, six longs. Ours are filled in whole, too.

import com.lmax.disruptor.AggregateEventHandler;
import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.LiteBlockingWaitStrategy;
import com.lmax.disruptor.PhasedBackoffWaitStrategy;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.SequenceBarrier;
import com.lmax.disruptor.SleepingWaitStrategy;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

public final class RingSide {
    private static final int CAPACITY = 65536;
    private static final int PING_CAPACITY = 1024;
    private static final int STAGES = 3;
    private static final int CHECK_EVERY = 4096; // events between two looks at the clock
    private static final int PINGS_MAX = 4_000_000;

    static final class Event {
        int kind;
        long token;
        long updateSeq;
        long time;
        long order;
        long amount;
        long cursor;
    }

    static final class Consumer implements EventHandler<Event> {
        long sum;
        long seen;

        @Override
        public void onEvent(Event event, long sequence, boolean endOfBatch) {
            sum += event.token + event.updateSeq;
            seen++;
        }
    }

    private static WaitStrategy strategy(String name) {
        switch (name) {
            case "BusySpin":
                return new BusySpinWaitStrategy();
            case "Yielding":
                return new YieldingWaitStrategy();
            case "Blocking":
                return new BlockingWaitStrategy();
            case "LiteBlocking":
                return new LiteBlockingWaitStrategy();
            case "Sleeping":
                return new SleepingWaitStrategy();
            case "PhasedBackoff":
                return PhasedBackoffWaitStrategy.withLiteLock(1, 10, TimeUnit.MICROSECONDS);
            default:
                throw new IllegalArgumentException("no wait strategy " + name);
        }
    }

    private static long produce(RingBuffer<Event> ring, long count, int batch, long time, long next) {
        long sum = 0;
        for (long done = 0; done < count; done += batch) {
            long high = batch == 1 ? ring.next() : ring.next(batch);
            for (long cursor = high - batch + 1; cursor <= high; cursor++) {
                Event event = ring.get(cursor);
                event.kind = (int) cursor;
                event.token = cursor;
                event.updateSeq = cursor ^ time;
                event.time = time;
                event.order = next + cursor;
                event.amount = cursor;
                event.cursor = cursor;
                sum += cursor + (cursor ^ time);
            }
            if (batch == 1) {
                ring.publish(high);
            } else {
                ring.publish(high - batch + 1, high);
            }
        }
        return sum;
    }

    private static double flow(WaitStrategy wait, int stages, boolean compact, int batch, double seconds) throws Exception {
        RingBuffer<Event> ring = RingBuffer.createSingleProducer(Event::new, CAPACITY, wait);
        int threadCount = compact ? 1 : stages;
        Consumer[] consumers = new Consumer[stages];
        BatchEventProcessor<?>[] processors = new BatchEventProcessor<?>[threadCount];
        Thread[] threads = new Thread[threadCount];
        for (int i = 0; i < stages; i++) {
            consumers[i] = new Consumer();
        }
        for (int i = 0; i < threadCount; i++) {
            SequenceBarrier barrier = i == 0 ? ring.newBarrier() : ring.newBarrier(processors[i - 1].getSequence());
            EventHandler<Event> handler = compact ? new AggregateEventHandler<Event>(consumers) : consumers[i];
            processors[i] = new BatchEventProcessor<>(ring, barrier, handler);
            threads[i] = new Thread(processors[i]);
            threads[i].setDaemon(true);
        }
        BatchEventProcessor<?> last = processors[threadCount - 1];
        ring.addGatingSequences(last.getSequence());
        for (Thread thread : threads) {
            thread.start();
        }
        long begin = System.nanoTime();
        long end = begin + (long) (seconds * 1e9);
        long made = 0;
        long sum = 0;
        while (System.nanoTime() < end) {
            sum += produce(ring, CHECK_EVERY, batch, begin, made);
            made += CHECK_EVERY;
        }
        while (last.getSequence().get() < ring.getCursor()) {
            Thread.yield();
        }
        double spent = (System.nanoTime() - begin) / 1e9;
        for (int i = 0; i < threadCount; i++) {
            processors[i].halt();
            threads[i].join();
        }
        for (Consumer consumer : consumers) {
            if (consumer.sum != sum || consumer.seen != made) {
                throw new IllegalStateException("a consumer has not seen each event once");
            }
        }
        return made / spent;
    }

    private static double ping(WaitStrategy there, WaitStrategy back, double seconds) throws Exception {
        RingBuffer<Event> pings = RingBuffer.createSingleProducer(Event::new, PING_CAPACITY, there);
        RingBuffer<Event> pongs = RingBuffer.createSingleProducer(Event::new, PING_CAPACITY, back);
        int[] times = new int[PINGS_MAX];
        int[] count = {0};
        CountDownLatch over = new CountDownLatch(1);
        long end = System.nanoTime() + (long) (seconds * 1e9);
        BatchEventProcessor<Event> echo = new BatchEventProcessor<>(pings, pings.newBarrier(), (event, at, last) -> {
            long cursor = pongs.next();
            pongs.get(cursor).time = event.time;
            pongs.publish(cursor);
        });
        BatchEventProcessor<Event> answer = new BatchEventProcessor<>(pongs, pongs.newBarrier(), (event, at, last) -> {
            long now = System.nanoTime();
            times[count[0]++] = (int) Math.min(now - event.time, Integer.MAX_VALUE);
            if (now >= end || count[0] == PINGS_MAX) {
                over.countDown();
                return;
            }
            long cursor = pings.next();
            pings.get(cursor).time = now;
            pings.publish(cursor);
        });
        pings.addGatingSequences(echo.getSequence());
        pongs.addGatingSequences(answer.getSequence());
        Thread[] threads = {new Thread(echo), new Thread(answer)};
        for (Thread thread : threads) {
            thread.setDaemon(true);
            thread.start();
        }
        long cursor = pings.next();
        pings.get(cursor).time = System.nanoTime();
        pings.publish(cursor);
        over.await();
        echo.halt();
        answer.halt();
        for (Thread thread : threads) {
            thread.join();
        }
        int[] sorted = Arrays.copyOf(times, count[0]);
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        String name = arguments[0];
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            int batch = Integer.parseInt(words[1]);
            double seconds = Double.parseDouble(words[2]);
            double value = words[0].equals("ping")
                ? ping(strategy(name), strategy(name), seconds)
                : flow(strategy(name), words[0].equals("one") ? 1 : STAGES, words[0].equals("compact"), batch, seconds);
            System.out.println(value);
        }
    }
}
