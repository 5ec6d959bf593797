package kafka

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/base/value"
	"tidemark/connect"
)

// cpu is what this process has used; the broker is another one.
func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRead reads JSON events of 254 bytes as three columns of seven, and
// only counts them, from a real broker (KAFKA_BROKER).
func BenchmarkRead(b *testing.B) {
	address := os.Getenv(brokerVariable)
	if address == "" {
		b.Skip("SKIPPED: no Kafka broker; test/kafka/run brings one up")
	}
	const events = 500_000
	wide := []connect.Column{{Name: "ad_id", Type: value.StringType}, {Name: "event_type", Type: value.StringType}, {Name: "event_time", Type: value.StringType}}
	for name, codec := range map[string]kgo.CompressionCodec{"plain": kgo.NoCompression(), "lz4": kgo.Lz4Compression()} {
		topic := fmt.Sprintf("bench%d", time.Now().UnixNano())
		client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codec), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(5*time.Millisecond))
		if err != nil {
			b.Fatal(err)
		}
		for i := range events {
			v := fmt.Appendf(nil, `{"user_id": "%08d-aaaa-bbbb-cccc-ddddeeeeffff", "page_id": "%08d-aaaa-bbbb-cccc-ddddeeeeffff", "ad_id": "%08d-aaaa-bbbb-cccc-ddddeeeeffff", "ad_type": "banner", "event_type": "view", "event_time": "%d", "ip_address": "1.2.3.4"}`, i, i%977, i%1000, 1_700_000_000_000+i)
			client.Produce(b.Context(), &kgo.Record{Value: v}, func(_ *kgo.Record, err error) {
				if err != nil {
					b.Error(err)
				}
			})
		}
		if err := client.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		client.Close()
		for _, width := range []string{"json", "offsets"} {
			columns := wide
			format := "json"
			if width == "offsets" {
				columns, format = []connect.Column{{Name: "o", Type: value.BigIntType, Metadata: "offset"}}, "raw"
			}
			b.Run(name+"/"+width, func(b *testing.B) {
				begin := cpu()
				for b.Loop() {
					r := connect.Request{Table: "t", Columns: columns, Options: map[string]string{
						"topic": topic, "properties.bootstrap.servers": address, "format": format, "scan.startup.mode": "earliest-offset", "scan.bounded.mode": "latest-offset",
					}}
					s, err := newSource(r, false)
					if err != nil {
						b.Fatal(err)
					}
					reader, err := s.Open(b.Context(), partitionID{topic, 0}.split(), nil)
					if err != nil {
						b.Fatal(err)
					}
					rows := 0
					for {
						batch, err := reader.Read(b.Context())
						if errors.Is(err, io.EOF) {
							break
						}
						if err != nil {
							b.Fatal(err)
						}
						rows += batch.Rows
					}
					if rows != events {
						b.Fatalf("%d rows of %d", rows, events)
					}
					if err := reader.Close(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*events/(cpu()-begin).Seconds()/1e6, "Mevents/cpu-s")
			})
		}
	}
}
