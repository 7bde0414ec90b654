"""Make a tiny Llama model that repeats a hidden text, so that an unmodified vLLM gives cited answers.

    python make_copy_model.py FOLDER

No weight is trained. The chat template does the choosing: it takes the passages and the question out
of our prompt, picks the sentence that shares most with the question, and ends every prompt with a
region of exactly ``REGION`` tokens:

    thoughts </think> answer [n] <end>   padding ...   <assistant> <think> \\n
    |<------------------------------ REGION ------------------------------>|

The first new token has to equal the one that stands REGION places before it, the second likewise,
and so on until <end>. "Look REGION - 1 back from here" is one attention head: RoPE turns queries and
keys by their positions, so a query that is turned back by REGION - 1 from the start meets the key at
that distance in phase at all frequencies, and every other key at some of them only.

It understands nothing. It shows that prompt, transport, batching, cache, streaming, the parting of
thoughts from text, and citations work with a real server.
"""

import argparse
import math
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

BEGIN, END, PADDING = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"
USER, ASSISTANT, THINK, THOUGHT = "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"
SPECIAL = (BEGIN, END, PADDING, USER, ASSISTANT, THINK, THOUGHT)

REGION = 1024  # tokens, which are bytes: thoughts and answer together must be shorter
LONGEST_SENTENCE_CHARS = 280
CONTEXT_TOKENS = 16_384
HEAD = 128  # one head; its values are the codes of tokens
HIDDEN = 320  # code of the token | code to be said | a constant | unused
SAID, CONSTANT = HEAD, 2 * HEAD
CONSTANT_SIZE = 8.0
THETA = 10_000.0
SHARPNESS = 40.0  # the key one place off scores about two phases less: e**-76 of the weight
LOGIT = 0.5  # of a code bit: the right token leads by more than 30

TEMPLATE = """
{%- set marks = '.,;:!?()"“”，。；：！？（）、' -%}
{%- set parts = messages[-1]['content'].split('=====') -%}
{%- set ns = namespace(best=0, number='', answer='', question='', bytes=0) -%}
{%- if parts | length == 5 -%}
  {%- set ns.question = parts[4].strip().replace('：', ':', 1).split(':', 1)[-1].strip().lower() -%}
  {%- for line in parts[0].split('\\n') if line.startswith('4.') -%}
    {%- set ns.answer = line.replace('：', ': ').split(': ')[-1] -%}
  {%- endfor -%}
  {%- for line in parts[2].split('\\n') -%}
    {%- if line.startswith('[') and ']' in line[:5] -%}
      {%- set ns.number = line[1:].split(']')[0] -%}
    {%- else -%}
      {%- set lines = line.replace('. ', '.\\n').replace('。', '。\\n').split('\\n') -%}
      {%- for sentence in lines if sentence | length < LONGEST -%}
        {%- set low = sentence.lower() -%}
        {%- set tally = namespace(score=0) -%}
        {%- for word in ns.question.split() -%}
          {%- set bare = namespace(word=word) -%}
          {%- for mark in marks -%}{%- set bare.word = bare.word.replace(mark, '') -%}{%- endfor -%}
          {%- if bare.word >= '\u2e80' -%}
            {%- for at in range(bare.word | length - 1) if bare.word[at:at + 2] in low -%}
              {%- set tally.score = tally.score + 1 -%}
            {%- endfor -%}
          {%- elif bare.word | length > 3 and bare.word in low -%}
            {%- set tally.score = tally.score + 1 -%}
          {%- endif -%}
        {%- endfor -%}
        {%- if tally.score > ns.best -%}
          {%- set ns.best = tally.score -%}
          {%- set whole = sentence.strip() -%}
          {%- set stop = whole[-1:] if whole[-1:] in '.。!！?？' else '' -%}
          {%- set ns.answer = whole[:(whole | length) - (stop | length)] + '[' + ns.number + ']' + stop -%}
        {%- endif -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endfor -%}
{%- else -%}
  {%- set ns.answer = 'I only read prompts with passages.' -%}
{%- endif -%}
{%- set thoughts = 'I look for the words of the question in the passages.\\n' -%}
{%- for character in thoughts + '\\n\\n' + ns.answer -%}
  {%- set ns.bytes = ns.bytes + (1 if character < '\u0080' else 2 if character < '\u0800'
                                 else 3 if character < '\U00010000' else 4) -%}
{%- endfor -%}
{{- 'BEGIN' + 'USER' + messages[-1]['content'] -}}
{{- thoughts + 'THOUGHT' + '\\n\\n' + ns.answer + 'END' + 'PADDING' * (REGION - ns.bytes - 5) -}}
{{- 'ASSISTANT' + 'THINK' + '\\n' -}}
"""


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer whose tokens are bytes, so that the template can count them, and the special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={sign: index for index, sign in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL[:5]])
    # The reasoning parser looks for these in the text, so they must not be skipped as special.
    raw.add_tokens([AddedToken(token, special=False, normalized=False) for token in SPECIAL[5:]])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=BEGIN, eos_token=END, pad_token=PADDING, model_max_length=CONTEXT_TOKENS
    )
    template = TEMPLATE.strip().replace("LONGEST", str(LONGEST_SENTENCE_CHARS)).replace("REGION", str(REGION))
    names = {"BEGIN": BEGIN, "END": END, "PADDING": PADDING, "USER": USER, "ASSISTANT": ASSISTANT,
             "THINK": THINK, "THOUGHT": THOUGHT}  # fmt: skip
    for name, token in names.items():
        template = template.replace(f"'{name}'", f"'{token}'")
    tokenizer.chat_template = template
    return tokenizer


def make_codes(count: int) -> torch.Tensor:
    """Return a code of HEAD signs for each token, all of them well apart."""
    codes = torch.randint(0, 2, (count, HEAD), generator=torch.Generator().manual_seed(7)) * 2.0 - 1.0
    nearest = (codes @ codes.T - 2 * HEAD * torch.eye(count)).max().item()
    if LOGIT * (HEAD - nearest) < 30:
        raise ValueError("two tokens have codes too much alike: take another seed")
    return codes


@torch.no_grad()
def set_weights(model: LlamaForCausalLM, codes: torch.Tensor) -> None:
    """Write the one head into a model of zeros."""
    for weight in model.parameters():
        weight.zero_()
    layer = model.model.layers[0]
    for norm in (model.model.norm, layer.input_layernorm, layer.post_attention_layernorm):
        norm.weight.fill_(1.0)

    model.model.embed_tokens.weight[:, :HEAD] = codes
    model.model.embed_tokens.weight[:, CONSTANT] = CONSTANT_SIZE
    # Each row has this length before the layer, and after it the code that was read comes on top.
    scale = math.sqrt(HIDDEN / (HEAD + CONSTANT_SIZE**2))
    final_scale = math.sqrt(HIDDEN / (2 * HEAD + CONSTANT_SIZE**2))

    half = HEAD // 2
    frequencies = THETA ** (-torch.arange(half, dtype=torch.float64) / half)
    turned_back = frequencies * (REGION - 1)
    one = 1.0 / (scale * CONSTANT_SIZE)  # what makes a 1 of the constant
    strength = SHARPNESS * math.sqrt(HEAD) * one
    layer.self_attn.q_proj.weight[:half, CONSTANT] = (strength * torch.cos(turned_back)).float()
    layer.self_attn.q_proj.weight[half:, CONSTANT] = (-strength * torch.sin(turned_back)).float()
    layer.self_attn.k_proj.weight[:half, CONSTANT] = one
    layer.self_attn.v_proj.weight[:, :HEAD] = torch.eye(HEAD) / scale
    layer.self_attn.o_proj.weight[SAID : SAID + HEAD] = torch.eye(HEAD)
    model.lm_head.weight[:, SAID : SAID + HEAD] = codes * LOGIT / final_scale


def make_model(folder: Path) -> None:
    """Write tokenizer, template, weights and configuration to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
           "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=HEAD,
        max_position_embeddings=CONTEXT_TOKENS,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=False,
        **ids,
    )
    model = LlamaForCausalLM(config).float()
    set_weights(model, make_codes(len(tokenizer)))
    model.save_pretrained(folder)
    GenerationConfig(**ids).save_pretrained(folder)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Make the copy model.")
    arguments.add_argument("folder", type=Path)
    make_model(arguments.parse_args().folder)
