package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// errMalformed is for bytes that are no request. The connection ends: nobody
// knows where the next one begins, or what the client means.
var errMalformed = errors.New("the request is malformed")

// errVersion is for an API, or a version of one, that is not served.
var errVersion = errors.New("the API or its version is not served")

// headerBytesMin are those of a key, a version and a correlation.
const headerBytesMin = 8

// header is what stands before every request.
type header struct {
	key, version int16
	correlation  int32
	client       string
}

// request is a request that was read: a produce request in a form of its own,
// because it is large and because its counts must not be believed.
type request struct {
	header
	message kmsg.Request
	produce *produceRequest
}

// readHeader takes a request's header from a frame.
func readHeader(frame []byte) (h header, rest []byte, err error) {
	if len(frame) < headerBytesMin {
		return h, nil, errMalformed
	}
	h.key, h.version = int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	h.correlation = int32(binary.BigEndian.Uint32(frame[4:]))
	r := reader{rest: frame[8:]}
	client, _ := r.nullable()
	h.client = string(client)
	return h, r.rest, r.err()
}

// readRequest reads the request in a frame. With errVersion the header is right.
func readRequest(frame []byte) (request, error) {
	h, rest, err := readHeader(frame)
	if err != nil {
		return request{}, err
	}
	r := request{header: h}
	api, known := apis[h.key]
	if !known || h.version < api.least || h.version > api.most {
		return r, errVersion
	}
	if h.key == produceKey {
		r.produce, err = readProduce(rest)
		return r, err
	}
	r.message = kmsg.RequestForKey(h.key)
	r.message.SetVersion(h.version)
	if r.message.IsFlexible() {
		if rest, err = skipTags(rest); err != nil {
			return r, err
		}
	}
	if err := r.message.ReadFrom(rest); err != nil {
		return r, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return r, nil
}

// skipTags passes the tagged fields of a flexible header.
func skipTags(b []byte) ([]byte, error) {
	r := reader{rest: b}
	for range r.uvarint() {
		r.uvarint()
		r.take(r.uvarint())
		if r.failed {
			break
		}
	}
	return r.rest, r.err()
}

// appendResponse appends a whole frame with the answer to a request.
func appendResponse(to []byte, h header, response kmsg.Response) []byte {
	start := len(to)
	to = append(to, 0, 0, 0, 0)
	to = binary.BigEndian.AppendUint32(to, uint32(h.correlation))
	// Who asks for versions may know none that we do: its header never has tags.
	if response.IsFlexible() && response.Key() != apiVersionsKey {
		to = append(to, 0)
	}
	to = response.AppendTo(to)
	binary.BigEndian.PutUint32(to[start:], uint32(len(to)-start-4))
	return to
}

// reader takes fields from the front; after the first that is not there it gives
// zeros.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) err() error {
	if r.failed {
		return errMalformed
	}
	return nil
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) uvarint() int {
	u, n := binary.Uvarint(r.rest)
	if n <= 0 || u > 1<<31 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return int(u)
}

// nullable takes a text with a length of 16 bits; null is not ok.
func (r *reader) nullable() (text []byte, ok bool) {
	n := r.int16()
	if n < 0 {
		return nil, false
	}
	return r.take(int(n)), true
}
