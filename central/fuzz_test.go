package central

import (
	"bytes"
	"io"
	"net"
	"testing"

	"starmesh/common/frame"
)

// fuzz holds a decoder to its promise: whatever it accepts, the other side has
// written exactly so. Nothing is lost, nothing has two forms, nothing panics.
func fuzz(f *testing.F, kind frame.Type) {
	for _, m := range corners() {
		if m.kind() == kind {
			f.Add(m.append(nil))
		}
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decoders[kind](b)
		if err != nil {
			return
		}
		if again := m.append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x was read as %+v, which is written as %x", b, m, again)
		}
	})
}

func FuzzHello(f *testing.F)    { fuzz(f, typeHello) }
func FuzzWelcome(f *testing.F)  { fuzz(f, typeWelcome) }
func FuzzAuth(f *testing.F)     { fuzz(f, typeAuth) }
func FuzzOK(f *testing.F)       { fuzz(f, typeOK) }
func FuzzError(f *testing.F)    { fuzz(f, typeError) }
func FuzzBye(f *testing.F)      { fuzz(f, typeBye) }
func FuzzPing(f *testing.F)     { fuzz(f, typePing) }
func FuzzPong(f *testing.F)     { fuzz(f, typePong) }
func FuzzList(f *testing.F)     { fuzz(f, typeList) }
func FuzzEntries(f *testing.F)  { fuzz(f, typeEntries) }
func FuzzDescribe(f *testing.F) { fuzz(f, typeDescribe) }
func FuzzFile(f *testing.F)     { fuzz(f, typeFile) }
func FuzzWorking(f *testing.F)  { fuzz(f, typeWorking) }
func FuzzProof(f *testing.F)    { fuzz(f, typeProof) }
func FuzzValues(f *testing.F)   { fuzz(f, typeValues) }
func FuzzMeet(f *testing.F)     { fuzz(f, typeMeet) }
func FuzzMet(f *testing.F)      { fuzz(f, typeMet) }
func FuzzGet(f *testing.F)      { fuzz(f, typeGet) }
func FuzzPut(f *testing.F)      { fuzz(f, typePut) }
func FuzzWatch(f *testing.F)    { fuzz(f, typeWatch) }
func FuzzEvent(f *testing.F)    { fuzz(f, typeEvent) }

// FuzzWhole: whatever a server answers to pipelined requests for small files, each
// is told of once at the most, in bytes that match its id or with why not.
func FuzzWhole(f *testing.F) {
	files, entries := smallFiles(3, 300)
	var good []byte
	for i, p := range files {
		good = append(good, answer(uint32(i+1), p)...)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(answer(1, files[0]), frame.Append(nil, typeError, failure{Req: 2, Code: 1}.append(nil))...))
	f.Add(append(answer(1, files[1]), answer(2, files[0])...))
	f.Fuzz(func(t *testing.T, answers []byte) {
		c := dialed(t, giver(t, func(conn net.Conn, next func() get) {
			next()
			_, _ = conn.Write(answers)
			_ = conn.(*net.TCPConn).CloseWrite() // so that nothing is waited for
			_, _ = io.Copy(io.Discard, conn)
		}))
		defer c.Close()
		var got arrivals
		told, err := c.Whole(t.Context(), entries, got.take)
		if err == nil && told != len(entries) || told > len(entries) {
			t.Errorf("told of %d, %v", told, err)
		}
		for i, p := range got.data {
			if i >= told || got.errs[i] == nil && !bytes.Equal(p, files[i]) {
				t.Errorf("file %d of %d is told of with %d bytes", i, told, len(p))
			}
		}
	})
}
