package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brokerVariable names a real broker that the tests run on as well.
const brokerVariable = "KAFKA_BROKER"

// world is a cluster with a topic of the test's own.
type world struct {
	*testing.T
	address string
	topic   string
	client  *kgo.Client
	fake    *kfake.Cluster // nil for a real one
}

// worlds runs a test on a fake cluster, on one that speaks as old brokers do, and
// on a real broker when there is one.
func worlds(t *testing.T, partitions int, run func(w *world)) {
	fakes := map[string][]kfake.Opt{"fake": nil, "fake 2.8": {kfake.MaxVersions(kversion.V2_8_0())}}
	for name, options := range fakes {
		t.Run(name, func(t *testing.T) { run(fakeWorld(t, partitions, options...)) })
	}
	if address := os.Getenv(brokerVariable); address != "" {
		t.Run("real", func(t *testing.T) { run(newWorld(t, address, partitions)) })
	}
}

func fakeWorld(t *testing.T, partitions int, options ...kfake.Opt) *world {
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := newWorld(t, cluster.ListenAddrs()[0], partitions)
	w.fake = cluster
	return w
}

func newWorld(t *testing.T, address string, partitions int) *world {
	w := &world{T: t, address: address, topic: fmt.Sprintf("t%d", time.Now().UnixNano())}
	var err error
	if w.client, err = kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	if _, err := kadm.NewClient(w.client).CreateTopic(t.Context(), int32(partitions), 1, nil, w.topic); err != nil {
		t.Fatal(err)
	}
	return w
}

// put produces values to a partition.
func (w *world) put(partition int32, values ...string) {
	w.Helper()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: w.topic, Partition: partition, Value: []byte(v)})
	}
	w.putRecords(records...)
}

func (w *world) putRecords(records ...*kgo.Record) {
	w.Helper()
	for _, r := range records {
		r.Topic = w.topic
	}
	if err := w.client.ProduceSync(w.Context(), records...).FirstErr(); err != nil {
		w.Fatal(err)
	}
}

// request is for a table t of the topic; options come in pairs.
func (w *world) request(columns []connect.Column, options ...string) connect.Request {
	r := connect.Request{Table: "t", Columns: columns, Job: "job-" + w.topic, FS: vfs.OS(), Zone: time.UTC, Options: map[string]string{
		"topic": w.topic, "properties.bootstrap.servers": w.address, "scan.startup.mode": "earliest-offset",
	}}
	for i := 0; i < len(options); i += 2 {
		if r.Options[options[i]] = options[i+1]; options[i+1] == "" {
			delete(r.Options, options[i])
		}
	}
	return r
}

// text is a table of one raw column.
var text = []connect.Column{{Name: "line", Type: value.StringType}}

func (w *world) source(r connect.Request, upsert bool) *source {
	w.Helper()
	s, err := newSource(r, upsert)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// open opens a partition and takes the batch that fixes the place.
func (w *world) open(s *source, partition int32, from connect.Offset) connect.Reader {
	w.Helper()
	reader, err := s.Open(w.Context(), partitionID{w.topic, partition}.split(), from)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = reader.Close() })
	if b := w.read(reader); b.Rows != 0 || reader.Offset() == nil {
		w.Fatalf("the first batch has %d rows, the offset is %v", b.Rows, reader.Offset())
	}
	return reader
}

func (w *world) read(r connect.Reader) *batch.Batch {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	b, err := r.Read(ctx)
	if err != nil {
		w.Fatal(err)
	}
	return b
}

// rows reads a number of rows.
func (w *world) rows(r connect.Reader, n int) (lines []string) {
	w.Helper()
	for len(lines) < n {
		lines = append(lines, show(w.read(r))...)
	}
	return lines
}

// settle waits until brokers have ended all transactions: they answer before.
func (w *world) settle() {
	w.Helper()
	admin := kadm.NewClient(w.client)
	for {
		last, err := admin.ListEndOffsets(w.Context(), w.topic)
		if err != nil {
			w.Fatal(err)
		}
		stable, err := admin.ListCommittedOffsets(w.Context(), w.topic)
		if err != nil {
			w.Fatal(err)
		}
		if fmt.Sprint(ends(last)) == fmt.Sprint(ends(stable)) {
			return
		}
	}
}

func ends(listed kadm.ListedOffsets) map[int32]int64 {
	all := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { all[o.Partition] = o.Offset })
	return all
}

// all reads every partition of a bounded source to its end.
func (w *world) all(s *source) (lines []string) {
	w.Helper()
	w.settle()
	splits, err := s.Splits(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, split := range splits {
		reader, err := s.Open(w.Context(), split, nil)
		if err != nil {
			w.Fatal(err)
		}
		for {
			ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
			b, err := reader.Read(ctx)
			cancel()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				_ = reader.Close()
				w.Fatal(err)
			}
			lines = append(lines, show(b)...)
		}
		if err := reader.Close(); err != nil {
			w.Fatal(err)
		}
	}
	return lines
}

// show prints the rows of a batch.
func show(b *batch.Batch) (lines []string) {
	b.Each(func(i int) {
		var cells []string
		for _, v := range b.Row(i) {
			cells = append(cells, string(v.AppendText(nil, time.UTC)))
		}
		line := strings.Join(cells, " ")
		if b.Kinds != nil {
			line = b.Kind(i).String() + " " + line
		}
		lines = append(lines, line)
	})
	return lines
}

// batchOf makes rows of texts, which are cast to the columns' types.
func batchOf(t testing.TB, columns []connect.Column, rows ...[]string) *batch.Batch {
	b := &batch.Batch{}
	for _, c := range columns {
		b.Columns = append(b.Columns, batch.NewColumn(c.Type, len(rows)))
	}
	for _, row := range rows {
		b.Kinds = append(b.Kinds, map[string]batch.Kind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}[row[0]])
		for i, cell := range row[1:] {
			if cell == "NULL" {
				b.Columns[i].AppendNull()
				continue
			}
			v, err := value.Cast(value.OfString(cell), columns[i].Type, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			b.Columns[i].AppendValue(v)
		}
		b.Rows++
	}
	return b
}
