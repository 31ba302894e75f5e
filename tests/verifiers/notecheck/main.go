// Notecheck reads a log of Muniment with the packages that the Go command uses for its own checksum
// database (golang.org/x/mod/sumdb/note and tlog), which know nothing of Muniment.
//
//	notecheck log FOLDER VKEY                  every entry under the folder's checkpoint
//	notecheck proof FILE ENTRY VKEY            a .tlog-proof for the bytes in the file ENTRY
//	notecheck consistency EARLIER LATER VKEY HASH...   two checkpoints, and the hashes (hex) between them
//
// Exit 0 where all of it holds; 1 with a line on standard error where it does not.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	fmt.Println("holds")
}

func run(words []string) error {
	switch {
	case len(words) == 3 && words[0] == "log":
		return checkLog(words[1], words[2])
	case len(words) == 4 && words[0] == "proof":
		return checkProof(words[1], words[2], words[3])
	case len(words) >= 4 && words[0] == "consistency":
		return checkConsistency(words[1], words[2], words[3], words[4:])
	}
	return fmt.Errorf("usage: notecheck log|proof|consistency ...")
}

// open verifies a checkpoint and returns the tree that it signs.
func open(text []byte, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// folder serves the tiles of a log that lies in files.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// The package writes the height into the path, C2SP tlog-tiles does not.
		path := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
		content, err := os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		found[i] = content
	}
	return found, nil
}

func checkLog(path, vkey string) error {
	text, err := os.ReadFile(filepath.Join(path, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(text, vkey)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, folder(path))
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("the tiles have another root than the checkpoint")
	}
	for first := int64(0); first < tree.N; first += 1 << height {
		width := min(tree.N-first, 1<<height)
		tile := tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)}
		name := "tile/entries/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/data/", height))
		bundle, err := os.ReadFile(filepath.Join(path, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i := range hashes {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("the bundle of entry %d is cut short", first+int64(i))
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:end]) != hashes[i] {
				return fmt.Errorf("entry %d is not the one in the tree", first+int64(i))
			}
			bundle = bundle[end:]
		}
		if len(bundle) != 0 {
			return fmt.Errorf("there is more in a bundle than its entries")
		}
	}
	return nil
}

func checkProof(file, entry, vkey string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(entry)
	if err != nil {
		return err
	}
	head, checkpoint, found := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("not a proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		blob, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(blob) != tlog.HashSize {
			return fmt.Errorf("not a hash: %s", line)
		}
		proof = append(proof, tlog.Hash(blob))
	}
	tree, err := open(checkpoint, vkey)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(data))
}

func checkConsistency(earlier, later, vkey string, hashes []string) error {
	var trees [2]tlog.Tree
	for i, file := range []string{earlier, later} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if trees[i], err = open(text, vkey); err != nil {
			return err
		}
	}
	var proof tlog.TreeProof
	for _, word := range hashes {
		blob, err := hex.DecodeString(word)
		if err != nil || len(blob) != tlog.HashSize {
			return fmt.Errorf("not a hash: %s", word)
		}
		proof = append(proof, tlog.Hash(blob))
	}
	return tlog.CheckTree(proof, trees[1].N, trees[1].Hash, trees[0].N, trees[0].Hash)
}
