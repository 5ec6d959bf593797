// Package kafka runs scripts and jobs against a real Kafka broker: what
// connect/kafka cannot see by itself, such as tables that replace rows by key,
// and jobs that go on when a topic has grown.
//
// The script run, in this folder, brings a broker up and names it in KAFKA_BROKER.
// Without one everything is skipped, and says so.
package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/control/pipeline"
	"tidemark/plan"
	"tidemark/progress"
	"tidemark/sql/parse"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
	"tidemark/target/embedded"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// cluster is the broker, with topics of a test's own.
type cluster struct {
	*testing.T
	address string
	client  *kgo.Client
	prefix  string
}

func newCluster(t *testing.T) *cluster {
	address := os.Getenv("KAFKA_BROKER")
	if address == "" {
		t.Skip("SKIPPED: no Kafka broker; test/kafka/run brings one up")
	}
	c := &cluster{T: t, address: address, prefix: fmt.Sprintf("t%d-", time.Now().UnixNano())}
	c.connect()
	return c
}

// connect makes a client that knows the partitions there are now.
func (c *cluster) connect() {
	c.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(client.Close)
	c.client = client
}

func (c *cluster) create(topic string, partitions int32) {
	c.Helper()
	if _, err := kadm.NewClient(c.client).CreateTopic(c.Context(), partitions, 1, nil, c.prefix+topic); err != nil {
		c.Fatal(err)
	}
}

// grow adds a partition, and waits until the broker knows it.
func (c *cluster) grow(topic string, to int) {
	c.Helper()
	admin := kadm.NewClient(c.client)
	if _, err := admin.CreatePartitions(c.Context(), 1, c.prefix+topic); err != nil {
		c.Fatal(err)
	}
	for {
		topics, err := admin.ListTopics(c.Context(), c.prefix+topic)
		if err != nil {
			c.Fatal(err)
		}
		if len(topics[c.prefix+topic].Partitions) == to {
			break
		}
	}
	c.connect()
}

func (c *cluster) put(topic string, partition int32, values ...string) {
	c.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: c.prefix + topic, Partition: partition, Value: []byte(v)}
		if err := c.client.ProduceSync(c.Context(), r).FirstErr(); err != nil {
			c.Fatal(err)
		}
	}
}

// fill puts the broker's address and the test's prefix into statements.
func (c *cluster) fill(text string) string {
	return strings.NewReplacer("${BROKER}", c.address, "${T}", c.prefix).Replace(text)
}

// TestScripts runs the scripts of testdata/scripts: 'topic' creates topics with
// their partitions, 'exec' runs statements, streaming unless 'batch' is said, and
// prints the rows, sorted.
func TestScripts(t *testing.T) {
	c := newCluster(t)
	datadriven.RunTest(t, "testdata/scripts", func(t *testing.T, d *datadriven.TestData) string {
		c := &cluster{t, c.address, c.client, c.prefix}
		switch d.Cmd {
		case "topic":
			for _, a := range d.CmdArgs {
				var partitions int32
				a.Scan(t, 0, &partitions)
				c.create(a.Key, partitions)
			}
			return ""
		case "exec":
			return c.exec(d.Input, !d.HasArg("batch"))
		}
		d.Fatalf(t, "there is no command %s", d.Cmd)
		return ""
	})
}

func (c *cluster) exec(text string, streaming bool) string {
	session := embedded.NewSession(embedded.SessionOptions{Streaming: streaming, Data: c.TempDir()})
	defer session.Close()
	statements, wrong := parse.Script("", c.fill(text))
	if err := wrong.Err(); err != nil {
		return c.hide(err)
	}
	var lines []string
	for _, s := range statements {
		err := session.Execute(c.Context(), s, embedded.Results{
			Start: func(plan.Schema) error { return nil },
			Rows:  func(b *batch.Batch) error { lines = append(lines, show(b)...); return nil },
		})
		if err != nil {
			return c.hide(err)
		}
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return "no rows\n"
	}
	return strings.Join(lines, "\n") + "\n"
}

// hide takes out of a message what differs between runs.
func (c *cluster) hide(err error) string {
	p := problem.Of(err)
	return strings.ReplaceAll(fmt.Sprintf("%s: %s\n", p.Code, p.Message), c.prefix, "")
}

func show(b *batch.Batch) (lines []string) {
	b.Each(func(i int) {
		cells := []string{b.Kind(i).String()}
		for _, v := range b.Row(i) {
			cells = append(cells, string(v.AppendText(nil, time.UTC)))
		}
		lines = append(lines, strings.Join(cells, " "))
	})
	return lines
}

// server is what 'tidemark run' makes of a project, without its doors.
type server struct {
	*cluster
	dir     string
	project string
	log     *eventlog.Log
	store   *olap.Store
	board   *progress.Board
	jobs    *embedded.Jobs
	tables  *catalog.Catalog
	deploys *pipeline.Pipeline
}

func newServer(c *cluster, project string) *server {
	s := &server{cluster: c, dir: c.TempDir(), project: project}
	s.start()
	c.Cleanup(s.stop)
	return s
}

func (s *server) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *server) start() {
	s.Helper()
	ctx := context.Background()
	var err error
	s.log, err = eventlog.Open(vfs.OS(), filepath.Join(s.dir, "log"), eventlog.Options{})
	s.must(err)
	s.store, err = olap.Open(ctx, vfs.OS(), filepath.Join(s.dir, "olap"), olap.Options{MemoryMax: "256MB"})
	s.must(err)
	s.board = progress.NewBoard()
	s.jobs, err = embedded.NewJobs(embedded.JobsOptions{Files: vfs.OS(), Dir: filepath.Join(s.dir, "state"), Log: s.log, Store: s.store, Board: s.board, Parallelism: 2, Logger: slog.New(slog.DiscardHandler)})
	s.must(err)
	s.tables = catalog.New(nil)
	s.deploys = pipeline.New(s.tables, s.jobs, time.UTC)
	s.deploy(s.project)
}

func (s *server) deploy(text string) {
	s.Helper()
	project, err := pipeline.ReadProject(fstest.MapFS{
		"tidemark.yaml": {Data: []byte("name: kafka\n")}, "tables.sql": {Data: []byte(s.fill(text))},
	}, "")
	s.must(err)
	s.must(s.deploys.Deploy(context.Background(), project))
}

func (s *server) stop() {
	s.jobs.Close()
	s.must(s.store.Close())
	s.must(s.log.Close())
}

// expect waits until a question about stored tables has the answer.
func (s *server) expect(question string, want ...string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	columns := []value.Field{{Name: "a", Type: value.StringType}, {Name: "b", Type: value.BigIntType}}
	for {
		changed := s.board.Changed()
		var got []string
		_, err := s.store.Query(ctx, olap.Question{SQL: question, Columns: columns}, func(_ []value.Field, b *batch.Batch) error {
			got = append(got, show(b)...)
			return nil
		})
		s.must(err)
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.Fatalf("%s\n%s\njobs: %+v", question, diff, s.jobs.Jobs())
		}
	}
}

// consume reads what is committed in a topic until a number of records are there.
func (c *cluster) consume(topic string, n int) (values []string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.address), kgo.ConsumeTopics(c.prefix+topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		c.Fatal(err)
	}
	defer client.Close()
	for len(values) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			c.Fatalf("%d of %d records: %v", len(values), n, err)
		}
		for _, r := range fetches.Records() {
			values = append(values, string(r.Key)+" "+string(r.Value))
		}
	}
	slices.Sort(values)
	return values
}

const grownProject = `
CREATE TABLE events (k STRING, n BIGINT, part INT METADATA FROM 'partition' VIRTUAL) WITH ('connector' = 'kafka', 'topic' = '${T}events',
  'properties.bootstrap.servers' = '${BROKER}', 'format' = 'json', 'scan.startup.mode' = 'latest-offset', 'scan.topic-partition-discovery.interval' = '100 ms');
CREATE TABLE big (k STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = '${T}big', 'properties.bootstrap.servers' = '${BROKER}',
  'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json', 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '${T}');
CREATE MATERIALIZED TABLE sums FRESHNESS = INTERVAL '1' SECOND AS SELECT k, SUM(n) AS total FROM events GROUP BY k;
INSERT INTO big SELECT k, n FROM events WHERE n >= 100;
`

// Jobs go on where they were: over a restart, and when the topic has grown, from
// the first record of what is new although they began at the end of what was.
func TestJobsGoOn(t *testing.T) {
	c := newCluster(t)
	c.create("events", 2)
	c.create("big", 2)
	c.put("events", 0, `{"k":"before","n":100}`)
	s := newServer(c, grownProject)
	for _, job := range []string{"sums", "big"} { // an epoch without rows: where reading begins is fixed
		s.committed(job)
	}
	c.put("events", 0, `{"k":"a","n":1}`, `{"k":"b","n":200}`)
	c.put("events", 1, `{"k":"a","n":2}`)
	s.expect("SELECT k, CAST(total AS BIGINT) FROM sums ORDER BY k", "+I a 3", "+I b 200")
	s.stop()
	c.put("events", 1, `{"k":"a","n":300}`)
	s.start()
	s.expect("SELECT k, CAST(total AS BIGINT) FROM sums ORDER BY k", "+I a 303", "+I b 200")
	c.grow("events", 3)
	c.put("events", 2, `{"k":"new","n":400}`)
	s.expect("SELECT k, CAST(total AS BIGINT) FROM sums ORDER BY k", "+I a 303", "+I b 200", "+I new 400")
	if diff := cmp.Diff([]string{`a {"k":"a","n":300}`, `b {"k":"b","n":200}`, `new {"k":"new","n":400}`}, c.consume("big", 3)); diff != "" {
		t.Error(diff)
	}
}

// A table that Kafka feeds is built anew beside what it is, from the records that
// the topic has, and becomes the table when it has read as far.
func TestChangedTable(t *testing.T) {
	c := newCluster(t)
	c.create("sales", 2)
	project := `
CREATE TABLE sales (k STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = '${T}sales', 'properties.bootstrap.servers' = '${BROKER}', 'format' = 'json',
  'scan.startup.mode' = 'earliest-offset');
CREATE MATERIALIZED TABLE sums FRESHNESS = INTERVAL '1' SECOND AS SELECT k, SUM(n) AS total FROM sales GROUP BY k;
`
	s := newServer(c, project)
	c.put("sales", 0, `{"k":"a","n":1}`, `{"k":"b","n":200}`)
	c.put("sales", 1, `{"k":"a","n":2}`)
	s.expect("SELECT k, CAST(total AS BIGINT) FROM sums ORDER BY k", "+I a 3", "+I b 200")
	s.deploy(strings.Replace(project, "SUM(n)", "SUM(n * 10)", 1))
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if now, ok := s.tables.Table("sums"); ok && now.StoredAs != "" {
			s.expect("SELECT k, CAST(total AS BIGINT) FROM \""+now.StoredAs+"\" ORDER BY k", "+I a 30", "+I b 2000")
			c.put("sales", 1, `{"k":"a","n":4}`)
			s.expect("SELECT k, CAST(total AS BIGINT) FROM \""+now.StoredAs+"\" ORDER BY k", "+I a 70", "+I b 2000")
			return
		}
		if time.Since(begin) > patience {
			t.Fatalf("the new version does not become the table: %+v", s.jobs.Jobs())
		}
	}
}

// committed waits until a job has committed an epoch.
func (s *server) committed(table string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	for {
		changed := s.board.Changed()
		for _, job := range s.jobs.Jobs() {
			if job.Table == table && job.State == target.Running && job.Epoch > 0 {
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.Fatalf("%s has no epoch: %+v", table, s.jobs.Jobs())
		}
	}
}

// A table that Kafka holds by key is one in a job too.
func TestUpsertInJobs(t *testing.T) {
	c := newCluster(t)
	c.create("shops", 1)
	s := newServer(c, `
CREATE TABLE shops (id STRING, city STRING, size BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = '${T}shops',
  'properties.bootstrap.servers' = '${BROKER}', 'key.format' = 'raw', 'value.format' = 'json');
CREATE MATERIALIZED TABLE cities FRESHNESS = INTERVAL '1' SECOND AS SELECT city, SUM(size) AS total FROM shops GROUP BY city;
`)
	put := func(key, val string) {
		r := &kgo.Record{Topic: c.prefix + "shops", Key: []byte(key)}
		if val != "" {
			r.Value = []byte(val)
		}
		s.must(c.client.ProduceSync(t.Context(), r).FirstErr())
	}
	put("1", `{"id":"1","city":"Rome","size":5}`)
	put("2", `{"id":"2","city":"Rome","size":7}`)
	s.expect("SELECT city, CAST(total AS BIGINT) FROM cities", "+I Rome 12")
	put("1", `{"id":"1","city":"Oslo","size":6}`)
	put("2", "")
	s.expect("SELECT city, CAST(total AS BIGINT) FROM cities", "+I Oslo 6")
}
