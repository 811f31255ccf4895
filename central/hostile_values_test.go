package central

import (
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// hostileNames are names that no message may carry to a store.
var hostileNames = map[string]string{
	"a way of 101 folders":   strings.Repeat("a/", content.MaxElements) + "x",
	"above the folder":       "../x",
	"above, further in":      "a/../../x",
	"only dots":              "..",
	"here":                   ".",
	"absolute":               "/etc/passwd",
	"NUL":                    "a\x00b",
	"a line break":           "a\nb",
	"an escape sequence":     "\x1b[2Ja",
	"backslash":              `a\..\b`,
	"drive letter":           "C:/x",
	"empty element":          "a//b",
	"folder":                 "a/",
	"not UTF-8":              "a\xff",
	"device":                 "con",
	"an element too long":    strings.Repeat("n", 256),
	"too long by one":        strings.Repeat("n/", 2048) + "n",
	"the longest str of all": strings.Repeat("n", math.MaxUint16),
}

func TestHostileNamesAreRefusedInEveryMessageWithAName(t *testing.T) {
	for what, name := range hostileNames {
		e := store.Entry{Name: name}
		for _, m := range []message{
			list{Limit: 1, Prefix: name}, list{Limit: 1, After: name}, entries{Entries: []store.Entry{someEntry, e}},
			describe{Name: name}, file{Entry: e}, put{Entry: e}, watch{Prefix: name}, event{Kind: store.Gone, Entry: e},
		} {
			_, err := decoders[m.kind()](m.append(nil))
			if !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.TooLarge) {
				t.Errorf("%s in %s: %v", what, typeName(m.kind()), err)
			}
			if err != nil && len(err.Error()) > 5*maxName {
				t.Errorf("%s in %s: refused with %d bytes of words", what, typeName(m.kind()), len(err.Error()))
			}
		}
	}
}

func TestAnEntryMustHaveAName(t *testing.T) {
	for _, m := range []message{entries{Entries: []store.Entry{{}}}, file{}, put{}, event{Kind: store.Gone}} {
		if _, err := decoders[m.kind()](m.append(nil)); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", typeName(m.kind()), err)
		}
	}
}

func TestHostileValues(t *testing.T) {
	sized := func(size int64) store.Entry { return store.Entry{Name: "x", Size: size} }
	for what, c := range map[string]struct {
		m    message
		want error
	}{
		"GET of nothing":                    {get{Count: 0}, fault.Invalid},
		"GET of too much":                   {get{Count: maxGet + 1}, fault.Invalid},
		"GET of everything":                 {get{Count: math.MaxUint32}, fault.Invalid},
		"GET past any file":                 {get{First: content.MaxChunks, Count: 1}, fault.Invalid},
		"GET that runs past any file":       {get{First: content.MaxChunks - 1, Count: 2}, fault.Invalid},
		"GET whose end wraps around":        {get{First: math.MaxUint32, Count: 2}, fault.Invalid},
		"PROOF of nothing":                  {proof{Count: 0}, fault.Invalid},
		"PROOF of too much":                 {proof{Count: maxValues + 1}, fault.Invalid},
		"PROOF whose end wraps around":      {proof{First: math.MaxUint32, Count: maxValues}, fault.Invalid},
		"LIST of nothing":                   {list{Limit: 0}, fault.Invalid},
		"PUT over the largest size":         {put{Entry: sized(content.MaxSize + 1)}, fault.TooLarge},
		"PUT of a negative size":            {put{Entry: sized(-1)}, fault.TooLarge},
		"PUT of the least size":             {put{Entry: sized(math.MinInt64)}, fault.TooLarge},
		"FILE over the largest size":        {file{Entry: sized(math.MaxInt64)}, fault.TooLarge},
		"WORKING over the largest size":     {working{Done: content.MaxSize + 1}, fault.TooLarge},
		"EVENT of no kind":                  {event{Kind: 0, Entry: someEntry}, fault.Protocol},
		"EVENT of a kind from the future":   {event{Kind: 5, Entry: someEntry}, fault.Protocol},
		"EVENT that lost things, with one":  {rawMessage{typeEvent, append(event{Kind: store.Lost}.append(nil), 0)}, fault.Protocol},
		"half a chaining value":             {values{CVs: make([]byte, content.CVSize/2)}, fault.Protocol},
		"a user name too long":              {auth{User: strings.Repeat("u", maxText+1)}, fault.TooLarge},
		"a password too long":               {auth{Password: strings.Repeat("u", maxText+1)}, fault.TooLarge},
		"a program name too long":           {hello{Agent: strings.Repeat("u", maxText+1)}, fault.TooLarge},
		"a reason too long":                 {bye{Reason: strings.Repeat("u", maxText+1)}, fault.TooLarge},
		"an error text too long":            {failure{Text: strings.Repeat("u", maxText+1)}, fault.TooLarge},
		"HELLO without the magic":           {rawMessage{typeHello, []byte("GET / HTTP/1.1\r\n")}, fault.Protocol},
		"HELLO in lower case":               {rawMessage{typeHello, []byte("star\x01\x01\x00\x00\x00\x00\x00\x00")}, fault.Protocol},
		"a bool of 2":                       {rawMessage{typeWelcome, []byte{1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0}}, fault.Protocol},
		"more entries than there are bytes": {rawMessage{typeEntries, []byte{0, 0, 0, 1, 0, 0xff, 0xff}}, fault.Protocol},
		"a str longer than the body":        {rawMessage{typeBye, []byte{0x03, 0xff, 'x'}}, fault.Protocol},
	} {
		_, err := decoders[c.m.kind()](c.m.append(nil))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
	}
}

// rawMessage is a body that no struct can say.
type rawMessage struct {
	t    frame.Type
	body []byte
}

func (m rawMessage) kind() frame.Type       { return m.t }
func (m rawMessage) append(b []byte) []byte { return append(b, m.body...) }

func TestAFilesModeIsPermissionBitsOnly(t *testing.T) {
	for _, mode := range []uint32{0o1000, 0o4755, 0o2755, 1 << 31, math.MaxUint32} {
		b := put{Entry: someEntry}.append(nil)
		binary.BigEndian.PutUint32(b[4+1+8+8:], mode)
		if _, err := decodePut(b); !errors.Is(err, fault.Invalid) {
			t.Errorf("mode %#o: %v", mode, err)
		}
	}
}

// TestAClaimOfManyEntriesAllocatesForThoseThatAreThere: 65,535 are claimed.
func TestAClaimOfManyEntriesAllocatesForThoseThatAreThere(t *testing.T) {
	b := []byte{0, 0, 0, 1, 0, 0xff, 0xff}
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		_, _ = decodeEntries(b)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 4<<10 {
		t.Errorf("%d bytes were allocated for a message of %d", each, len(b))
	}
}

func TestOnlyPayloadMayBeLarge(t *testing.T) {
	for code := range 256 {
		kind := frame.Type(code)
		large := kind == typeChunk || kind == typeValues || kind == typeEntries
		if limit := bodyLimit(kind); large != (limit > maxSmall) || limit > maxBody {
			t.Errorf("%s may have %d bytes", typeName(kind), limit)
		}
	}
}
