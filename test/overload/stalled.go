package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// How many consumers of each kind stop reading.
const (
	stalledEach   = 8
	fetchesSent   = 20
	fetchBytes    = 4 << 20
	fetchVersion  = 11
	clientName    = "stalled"
	smallWindow   = 4096
	writeDeadline = 5 * time.Second
)

// stalled opens connections on which answers come that nobody reads: downloads of a
// whole table, live pages, and fetches of Kafka consumers.
func stalled(ctx context.Context, s *server) (leave func(), err error) {
	var open []net.Conn
	leave = func() {
		for _, c := range open {
			_ = c.Close()
		}
	}
	ask := `{"sql":"SELECT * FROM events","max_rows":100000000}`
	requests := map[string][]byte{
		"download": fmt.Appendf(nil, "POST /api/v1/query HTTP/1.1\r\nHost: %s\r\nAccept: application/x-ndjson\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.address, len(ask), ask),
		"live":     fmt.Appendf(nil, "GET /api/v1/live?topics=dashboard HTTP/1.1\r\nHost: %s\r\n\r\n", s.address),
		"fetch":    fetches(),
	}
	for what, request := range requests {
		address := s.address
		if what == "fetch" {
			address = s.kafka
		}
		for range stalledEach {
			c, dialErr := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if dialErr != nil {
				return leave, dialErr
			}
			open = append(open, c)
			if tcp, ok := c.(*net.TCPConn); ok {
				err = errors.Join(err, tcp.SetReadBuffer(smallWindow))
			}
			err = errors.Join(err, c.SetWriteDeadline(time.Now().Add(writeDeadline)))
			if _, writeErr := c.Write(request); writeErr != nil {
				err = errors.Join(err, fmt.Errorf("ask for a %s: %w", what, writeErr))
			}
		}
	}
	return leave, err
}

// fetches asks Kafka for the whole table, again and again.
func fetches() (all []byte) {
	format := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientName))
	for i := range fetchesSent {
		request := kmsg.NewPtrFetchRequest()
		request.Version, request.ReplicaID, request.MaxBytes, request.MinBytes = fetchVersion, -1, fetchBytes, 1
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic = "events"
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.PartitionMaxBytes = fetchBytes
		topic.Partitions = append(topic.Partitions, partition)
		request.Topics = append(request.Topics, topic)
		body := format.AppendRequest(nil, request, int32(i))
		if binary.BigEndian.Uint32(body) != uint32(len(body)-4) {
			panic("a request does not begin with its length")
		}
		all = append(all, body...)
	}
	return all
}
