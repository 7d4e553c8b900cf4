use super::box_nearest::{BoxAnswer, BoxNearest, BoxOptions};
use super::{InputBox, Layer, check_vector};
use netinverse_base::{Result, Rng};
use netinverse_linalg::{Matrix, Qr};

/// The fibre of a layer: every input with the same output, a point plus the null space
/// {v : vW = 0} of dimension n − rank W.
///
/// The projector on the null space is v − (vU)Uᵀ, and is never formed as an n×n matrix.
#[derive(Debug, Clone)]
pub struct Fibre<'a> {
    layer: &'a Layer,
    point: Vec<f64>,
}

/// Two inputs of a box with the same output.
#[derive(Debug, Clone, PartialEq)]
pub struct Twin {
    /// The input that shares its output with the given one, as near as possible to what it should look like.
    pub twin: Vec<f64>,
    /// |twin − image|₂
    pub distance: f64,
    /// |twin − wanted|₂
    pub distance_to_wanted: f64,
    /// The largest difference of the two inputs' logits.
    pub logit_gap: f64,
    /// The largest difference of the two inputs' outputs.
    pub output_gap: f64,
    /// What the solver says of the twin (multipliers, KKT error).
    pub answer: BoxAnswer,
}

impl<'a> Fibre<'a> {
    /// The inputs with logits z, through the one of least norm.
    pub fn of_logits(layer: &'a Layer, logits: &[f64]) -> Result<Self> {
        Ok(Fibre { layer, point: layer.minimum_norm(logits)? })
    }

    /// The inputs with the same output as x.
    pub fn through(layer: &'a Layer, x: &[f64]) -> Result<Self> {
        check_vector("input", x, layer.inputs())?;
        Ok(Fibre { layer, point: x.to_vec() })
    }

    /// A point of the fibre.
    pub fn point(&self) -> &[f64] {
        &self.point
    }

    /// n − rank W
    pub fn dimension(&self) -> usize {
        self.layer.inputs() - self.layer.rank()
    }

    /// An orthonormal basis of the null space (n×dimension), from the full QR of U.
    pub fn basis(&self) -> Matrix {
        Qr::new(self.layer.basis()).complement()
    }

    /// The part of v along the fibre: v − (vU)Uᵀ.
    pub fn tangent(&self, v: &[f64]) -> Result<Vec<f64>> {
        // Twice is enough: the second pass removes what rounding in the first left in R(W).
        self.layer.lost(&self.layer.lost(v)?)
    }

    /// The point of the fibre nearest to x.
    pub fn nearest(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_vector("input", x, self.layer.inputs())?;
        let away: Vec<f64> = x.iter().zip(&self.point).map(|(x, p)| x - p).collect();
        let along = self.tangent(&away)?;
        Ok(self.point.iter().zip(along).map(|(p, a)| p + a).collect())
    }

    /// A random element: the point plus a normal vector of the given standard deviation in every
    /// direction of the null space.
    pub fn random(&self, deviation: f64, rng: &mut Rng) -> Result<Vec<f64>> {
        let noise: Vec<f64> = (0..self.layer.inputs()).map(|_| deviation * rng.normal()).collect();
        let along = self.tangent(&noise)?;
        Ok(self.point.iter().zip(along).map(|(p, a)| p + a).collect())
    }
}

impl Layer {
    /// The null space made visible: the input of the box that has the same output as `image` and is as
    /// near as possible to `wanted`.
    ///
    /// # Errors
    /// Wrong widths. That the image lies outside the box is no error: the answer's status says whether a
    /// twin exists in it.
    pub fn twin(&self, image: &[f64], wanted: &[f64], input_box: &InputBox) -> Result<Twin> {
        check_vector("wanted image", wanted, self.inputs())?;
        let logits = self.affine(image)?;
        let options = BoxOptions { tolerance: 1e-12, ..BoxOptions::default() };
        let (twin, answer) = BoxNearest::new(self, input_box, options)?.solve(&logits, wanted)?;
        let gap = |a: &[f64], b: &[f64]| a.iter().zip(b).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        let distance: Vec<f64> = twin.iter().zip(image).map(|(a, b)| a - b).collect();
        Ok(Twin {
            distance: netinverse_linalg::norm(&distance),
            distance_to_wanted: answer.distance,
            logit_gap: gap(&self.affine(&twin)?, &logits),
            output_gap: gap(&self.forward(&twin)?, &self.forward(image)?),
            twin,
            answer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::Activation;
    use crate::closed_form::testing::{random_layer, uniform_matrix};
    use netinverse_linalg::norm;

    #[test]
    fn the_fibre_has_one_output() {
        let layer = random_layer(30, 4, Activation::Sigmoid, 1);
        let x = uniform_matrix(1, 30, 2).into_data();
        let y = layer.forward(&x).unwrap();
        let mut rng = Rng::new(3, 0);
        for fibre in [
            Fibre::through(&layer, &x).unwrap(),
            Fibre::of_logits(&layer, &layer.affine(&x).unwrap()).unwrap(),
        ] {
            assert_eq!(fibre.dimension(), 26);
            let element = fibre.random(10.0, &mut rng).unwrap();
            let away: Vec<f64> = element.iter().zip(fibre.point()).map(|(a, b)| a - b).collect();
            assert!(norm(&away) > 10.0);
            for point in [element, fibre.nearest(&x).unwrap(), fibre.point().to_vec()] {
                let other = layer.forward(&point).unwrap();
                assert!(other.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-13));
            }
            let back = fibre.nearest(&x).unwrap();
            assert!(back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-13));
        }
    }

    #[test]
    fn the_basis_spans_the_null_space_and_agrees_with_the_projector() {
        let layer = random_layer(20, 5, Activation::Identity, 4);
        let x = uniform_matrix(1, 20, 5).into_data();
        let fibre = Fibre::through(&layer, &x).unwrap();
        let basis = fibre.basis();
        assert_eq!((basis.rows(), basis.columns()), (20, 15));
        assert!(layer.weight().transposed_product(&basis).max_abs() < 1e-14);
        let by_basis = basis.apply(&basis.apply_left(&x));
        let direct = fibre.tangent(&x).unwrap();
        assert!(by_basis.iter().zip(&direct).all(|(a, b)| (a - b).abs() < 1e-14));
    }

    #[test]
    fn very_different_images_share_an_output() {
        let layer = random_layer(784, 10, Activation::Sigmoid, 6);
        let image = uniform_matrix(1, 784, 7).into_data();
        let wanted: Vec<f64> = image.iter().map(|p| 1.0 - p).collect();
        let input_box = InputBox::unit(784);
        let twin = layer.twin(&image, &wanted, &input_box).unwrap();
        assert!(twin.answer.is_solved() && input_box.contains(&twin.twin));
        assert!(twin.logit_gap < 1e-12 && twin.output_gap < 1e-12);
        assert!(twin.distance > 10.0 && twin.distance_to_wanted < 0.5 * twin.distance, "{}", twin.distance);
    }
}
