package kafka

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/base/vfs"
)

const benchRecords = 20_000

// BenchmarkDoor sends records of some 100 bytes through the door to a disk, and
// reads them back: client and door share one process and its cores.
func BenchmarkDoor(b *testing.B) {
	s := &stand{t: b, files: vfs.OS(), dir: b.TempDir(), said: &lockedBuffer{}}
	s.start("127.0.0.1:0")
	b.Cleanup(s.stop)
	producer := s.client(kgo.MaxBufferedRecords(benchRecords), kgo.ProducerBatchCompression(kgo.NoCompression()))
	sent := 0
	send := func() {
		for range benchRecords {
			value := fmt.Appendf(nil, `{"id":%d,"name":"a name that is long enough for a record of about a hundred bytes, as they come"}`, sent)
			sent++
			producer.Produce(context.Background(), &kgo.Record{Topic: "clicks", Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					b.Error(err)
				}
			})
		}
		if err := producer.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("produce", func(b *testing.B) {
		for b.Loop() {
			send()
		}
		b.ReportMetric(float64(benchRecords*b.N)/b.Elapsed().Seconds(), "records/s")
	})
	if sent == 0 {
		send()
	}
	b.Run("consume", func(b *testing.B) {
		for b.Loop() {
			consumer := s.client(kgo.ConsumeTopics("clicks"))
			if got := len(consume(b, consumer, sent)); got != sent {
				b.Fatalf("%d of %d records", got, sent)
			}
			consumer.Close()
		}
		b.ReportMetric(float64(sent*b.N)/b.Elapsed().Seconds(), "records/s")
	})
}
