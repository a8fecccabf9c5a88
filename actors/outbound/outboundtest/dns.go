package outboundtest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
)

// Answer is what a name resolves to. Both empty: the name exists and has no records.
type Answer struct {
	Addrs []netip.Addr
	TXT   []string
}

// DNS answers queries. Name is in lower case without the last dot; known false is
// "no such name".
type DNS struct {
	Lookup func(name string) (a Answer, known bool)
}

// NewDNS returns a DNS that knows the names of zone and no others.
func NewDNS(zone map[string]Answer) *DNS {
	return &DNS{Lookup: func(name string) (Answer, bool) { a, ok := zone[name]; return a, ok }}
}

// Hosts is a zone of addresses.
func Hosts(addrs map[string]string) map[string]Answer {
	zone := make(map[string]Answer, len(addrs))
	for name, list := range addrs {
		var a Answer
		for s := range strings.FieldsSeq(list) {
			a.Addrs = append(a.Addrs, netip.MustParseAddr(s))
		}
		zone[name] = a
	}
	return zone
}

// Resolver is a net.Resolver whose every question goes to d.
func (d *DNS) Resolver() *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go d.serve(theirs)
			return ours, nil
		},
	}
}

// serve speaks DNS over a stream: each message behind its length.
func (d *DNS) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		reply, err := d.reply(query)
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

const (
	typeA, typeTXT, typeAAAA = 1, 16, 28
	headerSize               = 12
	nxdomain                 = 3
)

func (d *DNS) reply(query []byte) ([]byte, error) {
	name, end, err := question(query)
	if err != nil {
		return nil, err
	}
	answer, known := d.Lookup(name)
	var records [][]byte
	kind := binary.BigEndian.Uint16(query[end-4:])
	for _, a := range answer.Addrs {
		if kind == typeA && a.Is4() || kind == typeAAAA && !a.Is4() {
			records = append(records, a.AsSlice())
		}
	}
	if kind == typeTXT {
		for _, s := range answer.TXT {
			records = append(records, txt(s))
		}
	}
	flags := uint16(0x8580) // a response, authoritative, recursion desired and available
	if !known {
		flags |= nxdomain
	}
	out := append([]byte{}, query[:2]...)
	for _, v := range []uint16{flags, 1, uint16(len(records)), 0, 0} {
		out = binary.BigEndian.AppendUint16(out, v)
	}
	out = append(out, query[headerSize:end]...)
	for _, r := range records {
		out = binary.BigEndian.AppendUint16(out, 0xC000|headerSize) // the question's name
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, query[end-2:end]...) // class
		out = binary.BigEndian.AppendUint32(out, 0)
		out = binary.BigEndian.AppendUint16(out, uint16(len(r)))
		out = append(out, r...)
	}
	return out, nil
}

// question reads the name of a query and finds the end of its question section.
func question(query []byte) (name string, end int, err error) {
	var labels []string
	i := headerSize
	for i < len(query) && query[i] != 0 {
		n := int(query[i])
		if n > 63 || i+1+n > len(query) {
			return "", 0, errors.New("outboundtest: bad query")
		}
		labels = append(labels, string(query[i+1:i+1+n]))
		i += 1 + n
	}
	if i+5 > len(query) {
		return "", 0, errors.New("outboundtest: bad query")
	}
	return strings.ToLower(strings.Join(labels, ".")), i + 5, nil
}

// txt cuts a string into the 255-byte pieces of a TXT record.
func txt(s string) []byte {
	var out []byte
	for {
		n := min(len(s), 255)
		out = append(append(out, byte(n)), s[:n]...)
		if s = s[n:]; s == "" {
			return out
		}
	}
}
