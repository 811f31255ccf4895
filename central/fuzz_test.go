package central

import (
	"bytes"
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
