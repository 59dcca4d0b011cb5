"""Small real tokenizers, one per kind of vocabulary, trained in a moment on a few sentences."""

from __future__ import annotations

from functools import cache

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SENTENCES = [
    "The cat sat on the mat because it was tired, and the cats were running.",
    "Paris is the capital of France. Where is the capital of France?",
    "中国的首都是哪里? 北京。 naïve café, déjà vu! 🙂 👍",
    "def add(a, b):\n\treturn a + b\n",
]


def byte_level(*, trim_offsets: bool = False, bos: bool = False) -> PreTrainedTokenizerFast:
    """Byte-level BPE as in GPT-2; with `bos`, a begin token that the tokenizer adds itself."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<|bos|>", "<|eos|>"],
    )
    backend.train_from_iterator(SENTENCES, trainer)
    if bos:
        backend.post_processor = processors.TemplateProcessing("<|bos|> $A", special_tokens=[("<|bos|>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|bos|>", eos_token="<|eos|>")


def wordpiece(*, lowercase: bool = False) -> PreTrainedTokenizerFast:
    """WordPiece as in BERT, with the pair template and segment ids."""
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    backend.train_from_iterator(
        SENTENCES, trainers.WordPieceTrainer(vocab_size=150, show_progress=False, special_tokens=names)
    )
    backend.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def unigram(*, normalizer: bool = False) -> PreTrainedTokenizerFast:
    """Unigram with a mark for the space, as in T5."""
    backend = Tokenizer(models.Unigram())
    if normalizer:
        backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, show_progress=False, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"]
    )
    backend.train_from_iterator(SENTENCES, trainer)
    backend.post_processor = processors.TemplateProcessing(
        "$A </s>", "$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def byte_fallback() -> PreTrainedTokenizerFast:
    """BPE with a mark for the space and bytes for what it does not know, as in Llama 2."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    letters = sorted(set("".join(SENTENCES)) - set("中国的首都🙂👍 \n\t"))
    vocabulary = {
        piece: index for index, piece in enumerate(dict.fromkeys([*pieces, *letters, "▁t", "th", "▁th"]))
    }
    backend = Tokenizer(
        models.BPE(
            vocabulary,
            [("▁", "t"), ("t", "h"), ("▁t", "h")],
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.post_processor = processors.TemplateProcessing(
        "<s> $A", "<s> $A <s> $B:1", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def word_end() -> PreTrainedTokenizerFast:
    """BPE that marks the end of a word, as in the first GPT."""
    backend = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = trainers.BpeTrainer(
        vocab_size=200, show_progress=False, special_tokens=["<unk>"], end_of_word_suffix="</w>"
    )
    backend.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")


def word_end_bytes() -> PreTrainedTokenizerFast:
    """Byte-level BPE in lower case that marks the end of a word, as in CLIP, without the word "0"."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("c", "a"), ("ca", "t"), ("cat", "s</w>"), ("s", "a"), ("sa", "t</w>")]
    pieces = ["<|eos|>", *alphabet, *(f"{letter}</w>" for letter in alphabet), *("".join(m) for m in merges)]
    pieces.remove("0</w>")
    backend = Tokenizer(
        models.BPE(
            {piece: index for index, piece in enumerate(pieces)},
            merges,
            end_of_word_suffix="</w>",
            unk_token="<|eos|>",
        )
    )
    backend.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|eos|>")


def composed() -> PreTrainedTokenizerFast:
    """Byte-level BPE behind a normaliser and a splitter of its own, as in Qwen."""
    tokenizer = byte_level()
    backend = tokenizer.backend_tokenizer
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}| ?\p{L}+|\s+|[^\s\p{L}\p{N}]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|eos|>")


def marked_spaces() -> PreTrainedTokenizerFast:
    """The vocabulary of `byte_fallback` without a space put in front, as in Gemma."""
    backend = byte_fallback().backend_tokenizer
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", unk_token="<unk>")


@cache
def kept(kind: str) -> PreTrainedTokenizerFast:
    """One of the above by name, made once."""
    return {
        "byte-level": byte_level,
        "byte-level, trimmed": lambda: byte_level(trim_offsets=True),
        "wordpiece": wordpiece,
        "wordpiece, lower case": lambda: wordpiece(lowercase=True),
        "unigram": unigram,
        "unigram, normalised": lambda: unigram(normalizer=True),
        "byte fallback": byte_fallback,
        "word end": word_end,
        "word end, bytes": word_end_bytes,
        "byte-level, composed": composed,
        "marked spaces": marked_spaces,
    }[kind]()


KINDS = (
    "byte-level",
    "byte-level, trimmed",
    "wordpiece",
    "wordpiece, lower case",
    "unigram",
    "unigram, normalised",
    "byte fallback",
    "word end",
    "word end, bytes",
    "byte-level, composed",
    "marked spaces",
)
