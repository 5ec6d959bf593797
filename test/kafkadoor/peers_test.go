package kafkadoor

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tidemark/test/cluster"
)

func TestKcat(t *testing.T) {
	s := newServer(t)
	for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		peer(t, lines(100*i, 100*i+100, codec), "kcat", "-P", "-b", s.kafka, "-t", "events", "-z", codec, "-X", "acks=all", "-X", "enable.idempotence=true")
	}
	s.ask("SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT source) FROM events", "500 500 5")
	if out := peer(t, "", "kcat", "-C", "-b", s.kafka, "-t", "events", "-e", "-q"); strings.Count(out, "\n") != 500 {
		t.Errorf("%d lines were consumed", strings.Count(out, "\n"))
	}
	if out := peer(t, "", "kcat", "-L", "-b", s.kafka); !strings.Contains(out, `topic "events" with 4 partitions`) {
		t.Error(out)
	}
	peer(t, "1:{\"id\":1,\"name\":\"a\"}\n2:{\"id\":2,\"name\":\"b\"}\n1:\n", "kcat", "-P", "-Z", "-K:", "-b", s.kafka, "-t", "people")
	s.ask("SELECT * FROM people", "2 b")
}

// What came over HTTP is there for Kafka's clients, as JSON text.
func TestEventsOfHTTPAreConsumed(t *testing.T) {
	s := newServer(t)
	peer(t, lines(0, 500, "http"), "curl", "-fsS", "http://"+s.http+"/api/v1/events/events?partition=1", "--data-binary", "@-")
	out := peer(t, "", "kcat", "-C", "-b", s.kafka, "-t", "events", "-p", "1", "-o", "250", "-e", "-q")
	if want := lines(250, 500, "http"); out != want {
		t.Errorf("from offset 250 on: %.200s", out)
	}
}

func TestJavaConsole(t *testing.T) {
	home := installed(t, "kafka/lib")
	s := newServer(t)
	java := func(input, class string, args ...string) string {
		return peer(t, input, "java", append([]string{"-Xmx256m", "-cp", filepath.Join(home, "kafka", "lib", "*"), class}, args...)...)
	}
	for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		java(lines(100*i, 100*i+100, codec), "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", s.kafka, "--topic", "events", "--compression-codec", codec, "--command-property", "enable.idempotence=true")
	}
	s.ask("SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT source) FROM events", "500 500 5")
	out := java("", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", s.kafka, "--topic", "events", "--group", "java", "--from-beginning", "--max-messages", "500", "--timeout-ms", "30000", "--command-property", "isolation.level=read_committed")
	if n := strings.Count(out, `{"id":`); n != 500 {
		t.Errorf("%d messages were consumed", n)
	}
	described := java("", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", s.kafka, "--describe", "--group", "java")
	lag := 0
	for line := range strings.Lines(described) {
		if f := strings.Fields(line); len(f) > 5 && f[1] == "events" && f[3] == f[4] {
			lag++
		}
	}
	if lag == 0 {
		t.Error(described)
	}
}

func TestJavaTransactions(t *testing.T) {
	home := installed(t, "kafka/lib")
	s := newServer(t)
	payload := filepath.Join(t.TempDir(), "payload")
	write(t, payload, lines(0, 10, "java"))
	peer(t, "", "java", "-Xmx256m", "-cp", filepath.Join(home, "kafka", "lib", "*"), "org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", s.kafka, "--topic", "events",
		"--num-records", "20000", "--throughput", "-1", "--payload-file", payload, "--transaction-duration-ms", "50", "--transactional-id", "java")
	s.ask("SELECT COUNT(*), COUNT(DISTINCT id) FROM events", "20000 10")
}

// flinkExec brings up a Flink, unless one runs, and gives what runs a script on it.
func flinkExec(t *testing.T) func(t *testing.T, script string) {
	t.Helper()
	t.Setenv("CLUSTER_HOME", installed(t, "flink/lib"))
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("SKIPPED: java is not here")
	}
	stop, err := cluster.StartFlink(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop() })
	return func(t *testing.T, text string) {
		statements := filepath.Join(t.TempDir(), "script.sql")
		write(t, statements, text)
		if out, err := cluster.Exec(t.Context(), statements, "--mode", "streaming").CombinedOutput(); err != nil {
			t.Fatalf("Flink: %v\n%s", err, out)
		}
	}
}

// copies is a sink of the door that is written to in transactions, which belong to
// Flink's checkpoints.
const copies = `
SET 'execution.checkpointing.interval' = '500 ms';
CREATE TABLE copies (id BIGINT, source STRING) WITH ('connector' = 'kafka', 'topic' = 'copies', 'properties.bootstrap.servers' = '%[1]s',
  'format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'flink-copy', 'properties.transaction.timeout.ms' = '600000');
`

// A Flink job reads events from the door and writes copies to it. Another one goes
// on writing while the program is killed: each row is there once.
func TestFlink(t *testing.T) {
	run := flinkExec(t)
	s := newServer(t)
	peer(t, lines(0, 1000, "http"), "curl", "-fsS", "http://"+s.http+"/api/v1/events/events", "--data-binary", "@-")
	peer(t, lines(1000, 1200, "kcat"), "kcat", "-P", "-b", s.kafka, "-t", "events")
	run(t, fmt.Sprintf(copies+`
CREATE TABLE events (id BIGINT, source STRING) WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = '%[1]s', 'properties.group.id' = 'flink',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'json', 'properties.isolation.level' = 'read_committed');
INSERT INTO copies SELECT id, 'flink ' || source FROM events;
`, s.kafka))
	s.ask("SELECT COUNT(*), COUNT(DISTINCT id), COUNT(DISTINCT source) FROM copies", "1200 1200 2")

	const rows, kills = 20_000, 4
	ended := make(chan struct{})
	var killing sync.WaitGroup
	killing.Go(func() {
		for range kills {
			select {
			case <-ended:
				return
			case <-time.After(2 * time.Second):
				s.kill()
				s.start()
			}
		}
	})
	run(t, fmt.Sprintf(copies+`
CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '2000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '%[2]d');
INSERT INTO copies SELECT id, 'killed' FROM numbers;
`, s.kafka, rows))
	close(ended)
	killing.Wait()
	s.ask("SELECT COUNT(*), COUNT(DISTINCT id) FROM copies WHERE source = 'killed'", fmt.Sprint(rows, " ", rows))
}
