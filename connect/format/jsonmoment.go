package format

import (
	"encoding/binary"

	"tidemark/base/value"
)

// day is the day that a timestamp column had last. Timestamps of one source
// mostly share theirs, so that only the time of day is left to be read.
type day struct {
	written  [len("2024-03-01 ")]byte // the text's begin
	midnight int64                    // microseconds
}

// millisPrecision is the precision of a type that has all of 10:20:30.000.
const millisPrecision = 3

// clockAt and clockEnd say where in 2024-03-01 10:20:30.000 the time of day is.
const (
	clockAt  = len("2024-03-01 ")
	clockEnd = len("2024-03-01 10:20:30.000")
)

// read gives the timestamp that is the text at b[i] and the quote behind it, if it
// is of the same day and has milliseconds.
func (d *day) read(b []byte, i int) (micros int64, ok bool) {
	if len(b)-i <= clockEnd || [clockAt]byte(b[i:]) != d.written || b[i+clockEnd] != '"' {
		return 0, false
	}
	sinceMidnight, ok := clockMicros(b[i+clockAt:])
	return d.midnight + sinceMidnight, ok
}

// note remembers the day of a text that was read as micros.
func (d *day) note(text []byte, micros int64) {
	if len(text) != clockEnd {
		return
	}
	if sinceMidnight, ok := clockMicros(text[clockAt:]); ok {
		d.written, d.midnight = [clockAt]byte(text), micros-sinceMidnight
	}
}

// clockMicros reads the twelve bytes of 10:20:30.000, a time before midnight. The
// first eight are looked at together: less those of 00:00:00, the digits must be
// at most 9 and what is between them 0, or adding what lacks to 128 makes a high
// bit.
func clockMicros(text []byte) (int64, bool) {
	const zero, most = 0x30303a30303a3030, 0x76767f76767f7676
	w := binary.LittleEndian.Uint64(text) ^ zero
	if (w|(w+most))&eachHigh != 0 || text[8] != '.' {
		return 0, false
	}
	hour := int64(w&0xf*10 + w>>8&0xf)
	minute := int64(w>>24&0xf*10 + w>>32&0xf)
	second := int64(w>>48&0xf*10 + w>>56)
	tenth, hundredth, thousandth := text[9]-'0', text[10]-'0', text[11]-'0'
	if hour > 23 || minute > 59 || second > 59 || tenth > 9 || hundredth > 9 || thousandth > 9 {
		return 0, false
	}
	millis := int64(tenth)*100 + int64(hundredth)*10 + int64(thousandth)
	return ((hour*60+minute)*60+second)*value.MicrosPerSecond + millis*(value.MicrosPerSecond/value.MillisPerSecond), true
}
