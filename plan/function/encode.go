package function

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// encodings is the part of the table with hashes, charsets, Base64 and URLs.
var encodings = slices.Concat(hashes, base64s, charsets, urls)

// hashes is MD5 and the family of SHA, in hexadecimal.
var hashes = []*plan.Function{
	hashFunction("MD5", "md5($1)", md5.New),
	hashFunction("SHA1", "sha1($1)", sha1.New),
	hashFunction("SHA224", "", sha256.New224),
	hashFunction("SHA256", "sha256($1)", sha256.New),
	hashFunction("SHA384", "", sha512.New384),
	hashFunction("SHA512", "", sha512.New),
	define(plan.Function{
		Name: "SHA2", Category: "hash", Signatures: []string{"SHA2(text or bytes, length) → VARCHAR(128)"},
		Doc:   "The SHA-2 hash of 224, 256, 384 or 512 bits in hexadecimal.",
		Flink: "SHA2($1, $2)",
	}, form{params: []parameter{textOrBytes, integer}, result: returns(value.VarcharOf(128)), eval: kernel(sha2), check: checkSHA2}),
}

func hashFunction(name, duck string, algorithm func() hash.Hash) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "hash",
		Signatures: []string{name + "(text or bytes) → CHAR"},
		Doc:        "The " + name + " hash in hexadecimal.",
		DuckDB:     duck, Flink: name + "($1)",
	}, form{params: []parameter{textOrBytes}, result: returns(value.CharOf(2 * algorithm().Size())), eval: kernel(hashing(algorithm))})
}

func hashing(algorithm func() hash.Hash) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		h := algorithm()
		var sum []byte
		out.Heap = slices.Grow(out.Heap, 2*h.Size()*out.Len())
		return eachRow(out, func(i int) error {
			sum = appendHash(out, i, h, args[0].Bytes(i), sum[:0])
			return nil
		})
	}
}

// appendHash stores the hash of b in hexadecimal. It returns sum, grown.
func appendHash(out *batch.Column, i int, h hash.Hash, b, sum []byte) []byte {
	h.Reset()
	h.Write(b)
	sum = h.Sum(sum)
	start := len(out.Heap)
	out.Heap = hex.AppendEncode(out.Heap, sum)
	out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(out.Heap) - start)}
	return sum
}

// sha2Of is the algorithm of a hash length in bits, nil when there is none.
func sha2Of(bits int64) func() hash.Hash {
	switch bits {
	case 224:
		return sha256.New224
	case 256:
		return sha256.New
	case 384:
		return sha512.New384
	case 512:
		return sha512.New
	}
	return nil
}

func checkSHA2(c *call) error {
	if bits := c.Args[1].Literal; bits != nil && !bits.Null && sha2Of(bits.Int) == nil {
		return badSHA2(bits.Int).At(c.Args[1].At)
	}
	return nil
}

func badSHA2(bits int64) *problem.Problem {
	return problem.New(problem.InvalidValue, "SHA2 has no hash of %d bits", bits).WithHint("use 224, 256, 384 or 512")
}

func sha2(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	made := map[int64]hash.Hash{}
	var sum []byte
	return eachRow(out, func(i int) error {
		bits := args[1].Ints[i]
		h, ok := made[bits]
		if !ok {
			algorithm := sha2Of(bits)
			if algorithm == nil {
				return badSHA2(bits)
			}
			h = algorithm()
			made[bits] = h
		}
		sum = appendHash(out, i, h, args[0].Bytes(i), sum[:0])
		return nil
	})
}

// base64s is Base64.
var base64s = []*plan.Function{
	define(plan.Function{
		Name: "TO_BASE64", Category: "encoding", Signatures: []string{"TO_BASE64(text or bytes) → STRING"},
		Doc:   "The bytes, or the UTF-8 of the text, in Base64.",
		Flink: "TO_BASE64($1)",
	}, form{params: []parameter{textOrBytes}, result: returns(value.StringType), eval: appending(ofBytes, func(dst, b []byte) ([]byte, bool) {
		return base64.StdEncoding.AppendEncode(dst, b), true
	})}),
	define(plan.Function{
		Name: "FROM_BASE64", Category: "encoding", Signatures: []string{"FROM_BASE64(text) → STRING"},
		Doc:   "The text that is encoded in Base64, with or without padding. Anything else is an error.",
		Flink: "FROM_BASE64($1)",
	}, form{params: []parameter{anyText}, result: returns(value.StringType), eval: kernel(growing(fromBase64))}),
}

func fromBase64(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	text := args[0].Bytes(i)
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	// Decoders of package base64 skip line ends, the one of Flink does not.
	if slices.Contains(text, '\n') || slices.Contains(text, '\r') {
		return dst, false, badBase64(text)
	}
	result, err := encoding.AppendDecode(dst, text)
	if err != nil {
		return dst, false, badBase64(text)
	}
	return result, true, nil
}

func badBase64(text []byte) error {
	const shown = 40
	return problem.New(problem.InvalidValue, "%q is not Base64", text[:min(len(text), shown)]).
		WithHint("leave such rows out with a regular expression: '^[A-Za-z0-9+/]*=*$'")
}
